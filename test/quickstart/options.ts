import { parseArgs } from "node:util";

export interface QuickstartOptions {
  /** Empty or new; undefined: a fresh one under the system's temp folder. */
  readonly folder: string | undefined;
  /** Both repositories go here, each under a prefix of its own; `s3:http://HOST:PORT/BUCKET[/PREFIX]`. */
  readonly s3Url: string | undefined;
  readonly keep: boolean;
}

export const usage = `npm run quickstart [-- OPTIONS]

  --keep         leave everything running, with the page's address, until Ctrl-C
  --s3 URL       both repositories on an S3 server: http://HOST:PORT/BUCKET[/PREFIX];
                 keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
  --folder DIR   work in this new or empty folder instead of a fresh one under the temp folder
`;

/** Throws an Error whose message is for people when the arguments are none. */
export function readOptions(args: readonly string[]): QuickstartOptions | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keep: { type: "boolean", default: false },
      s3: { type: "string" },
      folder: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  return { folder: values.folder, s3Url: values.s3 === undefined ? undefined : checkS3Url(values.s3), keep: values.keep };
}

function checkS3Url(text: string): string {
  const url = text.replace(/^s3:/, "").replace(/\/+$/, "");
  if (!/^https?:\/\/[^/\s@]+\/[^/\s]+/.test(url)) throw new Error(`--s3 "${text}" is not like http://HOST:PORT/BUCKET/PREFIX`);
  for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
    if (!process.env[name]) throw new Error(`--s3 needs ${name} in the environment`);
  }
  return `s3:${url}`;
}
