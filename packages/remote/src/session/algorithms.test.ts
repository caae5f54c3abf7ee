import type { Algorithms } from "ssh2";
import { expect, test } from "vitest";
import { connectToServer } from "./test-host.ts";

async function runWith(algorithms: Algorithms) {
  const { machine, close } = await connectToServer(
    (accept) => {
      const channel = accept();
      channel.write("\0lifeboat-start 1\0");
      channel.exit(7);
      channel.end();
    },
    { server: { algorithms } },
  );
  try {
    return (await (await machine.run(["true"])).exit).status;
  } finally {
    await close();
  }
}

test.each<[string, Algorithms]>([
  ["compresses", { compress: ["zlib@openssh.com", "zlib"] }],
  ["seals by SHA-1", { cipher: ["aes256-ctr"], hmac: ["hmac-sha1", "hmac-sha1-etm@openssh.com"] }],
  ["seals by MD5", { cipher: ["aes256-ctr"], hmac: ["hmac-md5"] }],
  ["agrees by SHA-1", { kex: ["diffie-hellman-group14-sha1"] }],
])("a host that only %s is not spoken to", async (_, algorithms) => {
  await expect(runWith(algorithms)).rejects.toMatchObject({ code: "host-unreachable" });
});

test.each<[string, Algorithms]>([
  ["would rather compress", { compress: ["zlib", "none"] }],
  ["has no sealing cipher", { cipher: ["aes256-ctr"], hmac: ["hmac-sha1", "hmac-sha2-256"] }],
  ["agrees by a fixed group", { kex: ["diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256"] }],
])("a host that %s is spoken to", async (_, algorithms) => {
  expect(await runWith(algorithms)).toBe(7);
});
