import type { PostgresServer } from "../services/start-postgres.ts";
import type { UploadRow } from "./build-web-tree.ts";

export interface ShopLogin {
  readonly user: string;
  readonly password: string;
}

/** The shop's tables, and a login for Lifeboat that may read and nothing else. `password` holds letters and digits only. */
export async function createShopDatabase(server: PostgresServer, login: ShopLogin): Promise<void> {
  await server.createDatabase("shop");
  await server.sql(
    `create table orders (
       id int primary key, customer text not null, total numeric(10, 2) not null check (total > 0), created_at timestamptz not null);
     create table uploads (
       id int primary key, order_id int not null references orders (id), file text not null unique, bytes int not null,
       sha256 text not null, created_at timestamptz not null);
     create role ${login.user} login password '${login.password}';
     grant pg_read_all_data to ${login.user};`,
    "shop",
  );
}

/** Orders with numbers from `first` on, placed in the last minutes. */
export async function addOrders(server: PostgresServer, first: number, count: number): Promise<void> {
  await server.sql(
    `insert into orders select n, 'customer ' || (n % 97), 10 + n % 400, now() - interval '100 milliseconds' * (${first + count} - n)
     from generate_series(${first}, ${first + count - 1}) n;`,
    "shop",
  );
}

/** Files first, rows after: so a dump never names a file that is not there yet. */
export async function addUploadRows(server: PostgresServer, rows: readonly UploadRow[]): Promise<void> {
  const values = rows.map(
    ({ id, orderId, file, bytes, sha256 }) => `(${id}, ${orderId}, '${file}', ${bytes}, '${sha256}', now())`,
  );
  await server.sql(`insert into uploads values ${values.join(",\n")};`, "shop");
}
