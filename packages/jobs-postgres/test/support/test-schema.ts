import type { Db } from '@cgk/db'
import { createJobsMigrator } from '../../src/index.ts'

const START = Date.UTC(2040, 0, 1)

/** A schema of a store whose clock stands still, far from the machine's. */
export class TestSchema {
  readonly name: string
  readonly #db: Db
  #now = START

  private constructor(db: Db, name: string) {
    this.#db = db
    this.name = name
  }

  static async create(db: Db, name: string): Promise<TestSchema> {
    await createJobsMigrator(db, name).up()
    await db.transaction((tx) =>
      tx.runScript(`
        create table ${name}.test_clock (now bigint not null);
        insert into ${name}.test_clock values (${START});
        create or replace function ${name}.now_ms() returns bigint language sql volatile parallel safe
          begin atomic select now from ${name}.test_clock; end;
        -- To truncate a small table takes much longer than to delete what is in it; done_ring has a row for good.
        create function ${name}.test_empty() returns void language plpgsql as $$
        declare
          name text;
        begin
          for name in select tablename from pg_tables
            where schemaname = '${name}' and tablename not in ('migration', 'test_clock', 'done_ring')
          loop
            if pg_relation_size(format('${name}.%I', name)) > 65536 then
              execute format('truncate ${name}.%I', name);
            else
              execute format('delete from ${name}.%I', name);
            end if;
          end loop;
        end $$;`),
    )
    return new TestSchema(db, name)
  }

  get now(): number {
    return this.#now
  }

  async setClock(now: number): Promise<void> {
    this.#now = now
    await this.#db.query(`update ${this.name}.test_clock set now = $1`, [now])
  }

  async empty(): Promise<void> {
    await this.#db.query(`select ${this.name}.test_empty()`)
    await this.setClock(START)
  }
}
