import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const folder = fileURLToPath(new URL("../../assembly/", import.meta.url));

/** The one way to build assembly/rabin.wasm: `node packages/engine/src/chunker/compile-rabin.ts` writes it into its place. */
export async function compileRabin(outFileName: string): Promise<void> {
  const stderr = asc.createMemoryStream();
  const { error } = await asc.main(
    ["rabin.ts", "--outFile", outFileName, "-O3", "--converge", "--noAssert", "--runtime", "stub", "--use", "abort="].concat(
      // 129 pages of 64 KiB: tables and the largest chunk; nothing grows.
      ["--initialMemory", "129", "--maximumMemory", "129", "--baseDir", folder],
    ),
    { stderr },
  );
  if (error) throw new Error(`rabin.ts did not compile: ${stderr.toString()}`, { cause: error });
}

if (import.meta.main) await compileRabin("rabin.wasm");
