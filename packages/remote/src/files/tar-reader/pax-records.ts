import type { ByteString, ExtendedAttribute } from "@lifeboat/model";

/** What an extended header changes for the entry that follows it. */
export interface PaxRecords {
  readonly path: string | undefined;
  readonly size: number | undefined;
  readonly xattrs: readonly ExtendedAttribute[];
  readonly sparse: { readonly name: string; readonly realSize: number } | undefined;
}

const xattrPrefix = "SCHILY.xattr.";
/** Linux allows 64 KiB a value (XATTR_SIZE_MAX) and 64 KiB for all names of a file (XATTR_LIST_MAX). */
const maxXattrValueBytes = 64 * 1024;
const maxXattrNamesBytes = 64 * 1024;
const maxXattrs = 4000;

/** Records "LENGTH KEY=VALUE\n"; a value may hold any byte. Throws a plain Error for anything else. */
export function parsePaxRecords(bytes: Buffer): PaxRecords {
  const values = new Map<string, string>();
  const xattrs: ExtendedAttribute[] = [];
  let xattrNamesBytes = 0;
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const digits = space < 0 || space - at > 10 ? "" : bytes.toString("latin1", at, space);
    const end = at + (/^[1-9][0-9]*$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(61, space);
    if (end <= at || end > bytes.length || bytes[end - 1] !== 10 || equals < 0 || equals >= end) {
      throw new Error("an extended header cannot be read");
    }
    const key = bytes.toString("latin1", space + 1, equals);
    if (key.startsWith(xattrPrefix)) {
      const valueBytes = end - 1 - (equals + 1);
      xattrNamesBytes += key.length - xattrPrefix.length;
      if (valueBytes > maxXattrValueBytes) throw new Error(`an extended attribute of ${valueBytes} bytes`);
      if (xattrNamesBytes > maxXattrNamesBytes)
        throw new Error(`extended attributes with more than ${maxXattrNamesBytes} bytes of names`);
      if (xattrs.length === maxXattrs) throw new Error(`more than ${maxXattrs} extended attributes of one file`);
      xattrs.push({
        name: decodeKeyword(key.slice(xattrPrefix.length)),
        value: Uint8Array.from(bytes.subarray(equals + 1, end - 1)),
      });
    } else {
      values.set(key, bytes.toString("latin1", equals + 1, end - 1));
    }
    at = end;
  }
  return { path: values.get("path"), size: decimal(values.get("size")), xattrs, sparse: sparseOf(values) };
}

function sparseOf(values: ReadonlyMap<string, string>): PaxRecords["sparse"] {
  const major = values.get("GNU.sparse.major");
  if (major === undefined) {
    if ([...values.keys()].some((key) => key.startsWith("GNU.sparse."))) throw new Error("a sparse file is not in form 1.0");
    return undefined;
  }
  const name = values.get("GNU.sparse.name");
  const realSize = decimal(values.get("GNU.sparse.realsize"));
  if (major !== "1" || values.get("GNU.sparse.minor") !== "0" || name === undefined || realSize === undefined) {
    throw new Error("a sparse file is not in form 1.0");
  }
  return { name, realSize };
}

/** tar writes `%` and `=` in an attribute's name as %25 and %3D. */
function decodeKeyword(text: string): ByteString {
  return text.replace(/%(25|3D)/g, (_, code: string) => (code === "25" ? "%" : "=")) as ByteString;
}

/** Any size that tar can write, also one that is too large to be counted: that is for the reader of the entry to say. */
function decimal(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,20}$/.test(text)) throw new Error("a number in an extended header is none");
  return Number(text);
}
