import type { HouseRule, Violation } from "../house-rule.ts";
import { parseSource } from "../parse-source.ts";
import { isProductFile } from "../source-tree.ts";

interface Door {
  readonly modules: RegExp;
  readonly folder: string;
  readonly why: string;
}

const doors: readonly Door[] = [
  { modules: /^ssh2$/, folder: "packages/remote/src/session/", why: "one place decides host keys, keepalive and ciphers" },
  {
    modules: /^(@aws-sdk|@smithy)\//,
    folder: "packages/engine/src/backend/s3/",
    why: "a repository must run on any object store",
  },
  {
    modules: /^(bullmq|ioredis)$/,
    folder: "packages/queue/src/",
    why: "the queue is transport; truth is in the repository and the catalog",
  },
  { modules: /^(kysely|pg|node:sqlite)$/, folder: "packages/catalog/src/", why: "one place knows tables" },
  { modules: /^((node:)?crypto|sodium-native)$/, folder: "packages/engine/src/crypto/", why: "a reviewer reads one folder" },
];

export const oneDoorEach: HouseRule = {
  name: "each dangerous thing has one door",
  reason: "what is decided once in one folder can be reviewed and replaced there",
  check(tree) {
    const violations: Violation[] = [];
    for (const [path, text] of tree) {
      if (!isProductFile(path)) continue;
      for (const { specifier, line } of parseSource(path, text).imports) {
        const door = doors.find(({ modules, folder }) => modules.test(specifier) && !path.startsWith(folder));
        if (door !== undefined) violations.push({ path, line, what: `${specifier} belongs into ${door.folder}: ${door.why}` });
      }
    }
    return violations;
  },
  broken: {
    files: {
      "packages/remote/src/files/a.ts": 'import { Client } from "ssh2";',
      "packages/engine/src/backend/local/a.ts": 'import { S3Client } from "@aws-sdk/client-s3";',
      "packages/scheduler/src/a.ts": 'import { Queue } from "bullmq";\nimport type Redis from "ioredis";',
      "packages/web/src/a.ts": 'import { sql } from "kysely";',
      "packages/engine/src/format/a.ts": 'import { createHash } from "node:crypto";',
      "packages/engine/src/crypto/seal.ts": 'import { createCipheriv } from "node:crypto";',
    },
    expected: [
      "packages/remote/src/files/a.ts:1",
      "packages/engine/src/backend/local/a.ts:1",
      "packages/scheduler/src/a.ts:1",
      "packages/scheduler/src/a.ts:2",
      "packages/web/src/a.ts:1",
      "packages/engine/src/format/a.ts:1",
    ],
  },
};
