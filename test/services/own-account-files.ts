import { readFileSync } from "node:fs";

/**
 * Files with which a host of `startSshHost` has an account that the machine has not (`ownFiles`), and a sudoers file of its
 * own. The file that the host sees as /etc/sudoers is `own-etc-sudoers` in its folder and may be written later.
 */
export function ownAccountFiles(name: string, sudoers = ""): Record<string, { content: string; mode: number }> {
  const id = 64_123;
  const file = (path: string, line: string, mode: number) => [path, { content: `${readFileSync(path, "utf8")}${line}\n`, mode }];
  return Object.fromEntries([
    file("/etc/passwd", `${name}:x:${id}:${id}::/:/bin/sh`, 0o644),
    file("/etc/group", `${name}:x:${id}:`, 0o644),
    file("/etc/shadow", `${name}:*:19000:0:99999:7:::`, 0o600),
    ["/etc/sudoers", { content: sudoers, mode: 0o440 }],
  ]);
}
