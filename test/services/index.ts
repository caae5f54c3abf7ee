export { cleanEnvironment } from "./clean-environment.ts";
export { findStockRestic, type ResticVersion } from "./find-stock-restic.ts";
export { findFreePort } from "./free-port.ts";
export {
  createBucket,
  listObjectKeys,
  type ObjectStore,
  objectStoreEnvironment,
  requestObjectStore,
  type StoreRequest,
} from "./object-store.ts";
export { ownAccountFiles } from "./own-account-files.ts";
export { type CommandOptions, type CommandResult, runCommand } from "./run-command.ts";
export { type RunningObjectStore, startCeph } from "./start-ceph.ts";
export {
  type CallMoment,
  type FaultProxy,
  type HttpFault,
  type HttpFaultEffect,
  type PlannedFault,
  type SeenRequest,
  startFaultProxy,
} from "./start-fault-proxy.ts";
export { startObjectStore } from "./start-object-store.ts";
export { type PostgresOptions, type PostgresServer, startPostgres } from "./start-postgres.ts";
export { type RedisOptions, type RedisServer, startRedis } from "./start-redis.ts";
export { type RunningServer, type ServerOptions, startServer } from "./start-server.ts";
export { type SshHost, type SshHostOptions, startSshHost } from "./start-ssh-host.ts";
export { startTcpProxy, type TcpProxy, type TcpProxyOptions } from "./start-tcp-proxy.ts";
export { type ResticRunOptions, type StockRestic, type StockResticOptions, stockRestic } from "./stock-restic.ts";
export { createTempFolder, type TempFolder } from "./temp-folder.ts";
