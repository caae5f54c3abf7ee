import type { ByteString } from "@lifeboat/model";

/** One line that find or tar wrote to stderr about one path. */
export interface Complaint {
  readonly path: ByteString;
  readonly message: string;
}

/**
 * Lines like `find: '/a\nb': Permission denied` and `tar: "/a\nb": Cannot open: ...`: in the C locale names are quoted with
 * C escapes, so that a line is a line and bytes survive. Lines of another form come back in `others`.
 */
export function parseComplaints(program: string, stderr: string): { complaints: Complaint[]; others: string[] } {
  const complaints: Complaint[] = [];
  const others: string[] = [];
  for (const line of stderr.split("\n")) {
    const complaint = parseComplaint(program, line);
    if (complaint !== undefined) complaints.push(complaint);
    else if (line.trim() !== "") others.push(line);
  }
  return { complaints, others };
}

/** One line of that form; undefined for all others. */
export function parseComplaint(program: string, line: string): Complaint | undefined {
  if (!line.startsWith(`${program}: `)) return undefined;
  const match = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"): (.*)$/.exec(line.slice(program.length + 2));
  const quoted = match?.[1] ?? match?.[2];
  return quoted === undefined ? undefined : { path: unescapeName(quoted), message: match?.[3] ?? "" };
}

const letters: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unescapeName(text: string): ByteString {
  return text.replace(/\\(?:([0-7]{3})|(.))/g, (_, octal: string | undefined, letter: string | undefined) =>
    octal !== undefined ? String.fromCharCode(Number.parseInt(octal, 8) & 0xff) : (letters[letter ?? ""] ?? letter ?? ""),
  ) as ByteString;
}
