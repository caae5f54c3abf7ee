import { isLifeboatError, LifeboatError } from "@lifeboat/model";
import { missingObject, type ObjectPlace } from "../object-range.ts";

const refused = new Set([
  "AccessDenied",
  "SignatureDoesNotMatch",
  "InvalidAccessKeyId",
  "ExpiredToken",
  "InvalidToken",
  "TokenRefreshRequired",
  "AllAccessDisabled",
  "AccountProblem",
  "AuthorizationHeaderMalformed",
  "InvalidSecurity",
  "UserSuspended",
]);
const full = new Set(["QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "StorageQuotaExceeded"]);
/** Answers with a 4xx status that are about this one transfer, not about what was asked for. */
const transient = new Set(["RequestTimeout", "IncompleteBody", "BadDigest", "SlowDown", "Throttling", "OperationAborted"]);
const certificate = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS_CERT)/;
const noTls = /^(ERR_SSL_|EPROTO$)/;
const noHttp = /^HPE_/;

export const noStoreHint = "Correct the endpoint in the repository's URL: a web server or something else answers there.";
const hints: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "Correct the access key id: the store does not know it.",
  SignatureDoesNotMatch: "Correct the secret access key: it is not the one of this access key id.",
  AccessDenied:
    "Let the key's policy allow GetObject, PutObject, DeleteObject and ListBucket on this bucket, or correct the URL.",
};
/** What the SDK puts where the store said nothing; it would only repeat the number. */
const saidNothing = /^(Unknown|UnknownError|Error|NotFound|Forbidden)$/;

/** What the SDK threw, as the store's error. `doing` is a verb in -ing form. Anything that is no answer of a store is a bug and stays. */
export function s3Error(error: unknown, doing: string, place: ObjectPlace, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (isLifeboatError(error) || !(error instanceof Error)) return error;
  const name = error.name;
  const status = statusOf(error);
  const errno = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const words = printable(error.message).replace(/; if the root CA is installed locally.*/, "");
  const said = [
    status === undefined ? undefined : `HTTP ${status}`,
    name === "Error" && errno !== undefined && !words.includes(errno) ? errno : name,
    words,
  ].filter((part) => part !== undefined && part !== "" && !saidNothing.test(part));
  const message = `${doing} ${place.name === "" ? "objects" : place.name} in ${place.url} failed: ${said.join(" ")}`;
  const context = { object: place.name, store: place.url, status: status ?? null, answer: name };
  // Its words stand in the message already, as far as they say something.
  const options = { context };

  if (name === "NoSuchBucket") return new LifeboatError("store-bucket-missing", `there is no bucket for ${place.url}`, options);
  if (full.has(name) || status === 507) return new LifeboatError("store-full", message, options);
  if (name === "RequestTimeTooSkewed") {
    // The SDK has taken over the store's time by now, so the next try can succeed.
    return new LifeboatError("store-refused", message, {
      ...options,
      retry: "later",
      hint: "Set this machine's clock: it differs from the store's by more than 15 minutes.",
    });
  }
  if (name === "CredentialsProviderError" || name === "TokenProviderError") {
    return new LifeboatError("store-refused", `no credentials for ${place.url}: ${printable(error.message)}`, {
      ...options,
      hint: "Set the repository's credentials in the configuration, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    });
  }
  if (refused.has(name) || status === 401 || status === 403) {
    return new LifeboatError("store-refused", message, { ...options, ...(hints[name] !== undefined && { hint: hints[name] }) });
  }
  if (status === 404) return missingObject(place, error);
  if (status !== undefined && status >= 300 && status < 400) {
    const region = regionIn(error);
    const redirected = name === "PermanentRedirect" || name === "TemporaryRedirect" || region !== undefined;
    return new LifeboatError("store-refused", message, {
      ...options,
      hint: redirected
        ? `The bucket lies in ${region === undefined ? "another region" : `the region ${region}`}: use that region's endpoint.`
        : noStoreHint,
    });
  }
  if (status !== undefined) {
    const later = status >= 500 || status === 408 || status === 429 || status < 300 || transient.has(name);
    return new LifeboatError("store-failed", message, { ...options, retry: later ? "later" : "never" });
  }
  if (errno !== undefined && certificate.test(errno)) {
    return new LifeboatError("store-unreachable", message, {
      ...options,
      retry: "never",
      hint: "The TLS certificate was not accepted: check the endpoint, or name its authority in NODE_EXTRA_CA_CERTS.",
    });
  }
  if (errno !== undefined && noTls.test(errno)) {
    return new LifeboatError(
      "store-unreachable",
      `${doing} ${place.name} in ${place.url} failed: what answers there speaks no TLS`,
      {
        ...options,
        retry: "never",
        hint: "Correct the endpoint's port, or write http:// where the store has no TLS.",
      },
    );
  }
  if (errno !== undefined && noHttp.test(errno)) {
    return new LifeboatError(
      "store-unreachable",
      `${doing} ${place.name} in ${place.url} failed: what answers there speaks no HTTP`,
      {
        ...options,
        retry: "never",
        hint: noStoreHint,
      },
    );
  }
  if (errno === "EMSGSIZE") {
    return new LifeboatError("store-failed", message, { ...options, retry: "never", hint: noStoreHint });
  }
  if (errno !== undefined || name === "TimeoutError") return new LifeboatError("store-unreachable", message, options);
  return error;
}

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata as { httpStatusCode?: unknown } | undefined;
  return typeof metadata?.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

/** AWS names the bucket's region in a header. */
function regionIn(error: Error): string | undefined {
  const response = "$response" in error ? (error.$response as { headers?: Record<string, unknown> } | undefined) : undefined;
  const region = response?.headers?.["x-amz-bucket-region"];
  return typeof region === "string" && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}

/** Words of a foreign server: one line, bounded, nothing that upsets a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return text.replace(/[\x00-\x20\x7f-\x9f]+/g, " ").slice(0, 300);
}
