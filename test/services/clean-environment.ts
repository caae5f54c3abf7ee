/** Variables that would send a loopback client through a proxy, to another CA, or to the caller's own accounts. */
const misleading = /^(https?_proxy|all_proxy|no_proxy|aws_.*|restic_.*|pg[a-z]+|ssh_auth_sock)$/i;

/** The environment for a child process of a test: without proxies, foreign CA bundles and credentials, TZ=UTC, LC_ALL=C.UTF-8. */
export function cleanEnvironment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !misleading.test(name)) kept[name] = value;
  }
  return { ...kept, TZ: "UTC", LC_ALL: "C.UTF-8", ...more };
}
