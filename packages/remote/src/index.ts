export { createPostgresDump, type PostgresDumpOptions } from "./databases/create-postgres-dump.ts";
export { createSqliteDump, type SqliteDumpOptions } from "./databases/create-sqlite-dump.ts";
export {
  createPostgresDatabase,
  type LoadPostgresOptions,
  type LoadSqliteOptions,
  loadPostgresDump,
  loadSqliteDump,
  type PostgresTarget,
} from "./databases/load-dumps.ts";
export {
  startThrowawayPostgres,
  type ThrowawayPostgresOptions,
  type ThrowawayPostgresServer,
} from "./databases/throwaway-postgres.ts";
export { createFileSource, type FileSourceOptions } from "./files/create-file-source.ts";
export { createHostSource, type HostSourceOptions } from "./files/create-host-source.ts";
export { type HostFactsOptions, readHostFacts, sudoPrograms } from "./files/host-facts.ts";
export { lookForGnuTools } from "./files/look-for-gnu-tools.ts";
export { createHostSetup, type HostSetup } from "./least-privilege/create-host-setup.ts";
export { type CollectedOutput, collectOutput } from "./process/collect-output.ts";
export { LocalMachine } from "./process/local-machine.ts";
export { nativeCryptoInUse } from "./session/native-crypto.ts";
export { quoteForShell } from "./session/quote-for-shell.ts";
export { resolveEndpoint, type SshEndpoint } from "./session/resolve-endpoint.ts";
export type { LoginOptions } from "./session/ssh-login.ts";
export { type ConnectOptions, connectHost, type SshMachine } from "./session/ssh-machine.ts";
export { lookOverSftp, type SftpSight } from "./sftp/look-over-sftp.ts";
export { sftpLosses } from "./sftp/sftp-losses.ts";
export { createRestoreTarget, type RestoreTargetOptions } from "./targets/create-restore-target.ts";
