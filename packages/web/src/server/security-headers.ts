/** Nothing is loaded but our own style sheet and icon, nothing runs, nothing frames us, and forms go back to us. */
const pagePolicy =
  "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** A stored report is a document of its own with its style inside: it may look as it likes, but it runs and loads nothing. */
export const reportPolicy =
  "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": pagePolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  // Names of hosts and causes of failures are nobody's cache's business, and a verdict must never be an old one.
  "cache-control": "no-store",
};
