import { readFileSync } from 'node:fs'
import { DEFAULT_STORE_URL } from '@cgk/jobs'
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Logger } from 'pino'
import { doctorCommand } from './doctor-command.ts'
import { enqueueCommand } from './enqueue-command.ts'
import { EXIT } from './exit-codes.ts'
import { ExitError, messageOf } from './exit-error.ts'
import { loadSettings, loadWorker, type LoadedWorker } from './load-worker.ts'
import { createLogger } from './logger.ts'
import { MIGRATE_ACTIONS, migrateCommand, type MigrateAction } from './migrate-command.ts'
import { nodeProblem } from './node-version.ts'
import { openJobsFile } from './open-jobs-file.ts'
import { parseOverride, type Overrides } from './overrides.ts'
import { runWorker } from './run-worker.ts'
import type { Settings } from './settings.ts'

const EXIT_CODES = `
Exit codes:
  0    done; or drained after a signal
  1    failure: a hook threw, the file could not be read to its end, every line was bad;
       migrate status: something is pending; doctor: something does not work
  2    wrong usage or configuration; nothing was started
  4    a store cannot be used; run waits for one that is only down
  5    partial: some lines of the file were bad
  130  ended at once by a second SIGINT; enqueue: stopped by SIGINT
  143  the same by SIGTERM`

const PRECEDENCE = `
Environment: JOBS_STORE_URL, JOBS_CONCURRENCY, JOBS_HEALTH_PORT, JOBS_GRACE_PERIOD, JOBS_LOG_LEVEL,
NO_COLOR. A flag wins over the environment, that over the config file, that over the default.`

interface ConfigFlag {
  readonly config?: string
}

interface RunFlags extends ConfigFlag, Overrides {
  readonly file?: string
  readonly untilIdle?: boolean
}

interface StoreFlags extends ConfigFlag, Pick<Overrides, 'store'> {}

interface EnqueueFlags extends StoreFlags {
  readonly file: string
}

/** Runs one command line. Resolves with the exit code; what is wrong goes to standard error. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const problem = nodeProblem(process.versions.node)
  if (problem !== null) {
    console.error(`cgk-worker: ${problem}`)
    return EXIT.usage
  }
  let exitCode: number = EXIT.ok
  const program = commandLine((code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has written its message by itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    console.error(`cgk-worker: ${messageOf(error)}`)
    return error instanceof ExitError ? error.exitCode : EXIT.failure
  }
}

function commandLine(done: (exitCode: number) => void): Command {
  const program = new Command('cgk-worker')
    .description('Runs the background jobs of many tenants.')
    .version(version())
    .exitOverride()
    .addHelpText('after', EXIT_CODES)
  program
    .command('run')
    .description('Run jobs until SIGTERM or SIGINT, which drain; a second one exits at once.')
    .addOption(configOption())
    .addOption(storeOption())
    .addOption(
      override('--concurrency <n>', 'attempts at once, per queue (default: 10)', 'concurrency'),
    )
    .addOption(
      override('--health-port <n>', 'serve /livez and /readyz; 0: any free port', 'healthPort'),
    )
    .addOption(
      override(
        '--grace-period <ms>',
        'how long running jobs may finish at a stop (default: 20000)',
        'gracePeriod',
      ),
    )
    .addOption(override('--log-level <level>', 'trace … silent (default: info)', 'logLevel'))
    .option(
      '--file <path>',
      'enqueue the jobs of this file first, one JSON object a line; -: stdin',
    )
    .option('--until-idle', 'stop when the file is in and no job is waiting or running')
    .addHelpText('after', `${PRECEDENCE}\n${EXIT_CODES}`)
    .action(async (flags: RunFlags) => {
      done(await run(flags))
    })
  program
    .command('enqueue')
    .description('Enqueue the jobs of a file for workers to run.')
    .requiredOption(
      '--file <path>',
      'one {queue?, name, payload, tenantId?, options?} a line; -: stdin',
    )
    .addOption(configOption())
    .addOption(storeOption())
    .addHelpText('after', `${PRECEDENCE}\n${EXIT_CODES}`)
    .action(async (flags: EnqueueFlags) => {
      done(await enqueue(flags))
    })
  program
    .command('migrate')
    .description('Bring the schema of every store up to date, or show where it stands.')
    .addArgument(
      new Argument('<action>', 'up: migrate; status: what is pending; plan: print the SQL').choices(
        MIGRATE_ACTIONS,
      ),
    )
    .addOption(configOption())
    .addOption(storeOption())
    .addHelpText('after', EXIT_CODES)
    .action(async (action: MigrateAction, flags: StoreFlags) => {
      done(await migrateCommand(await settingsOf(flags), action))
    })
  program
    .command('doctor')
    .description('Examine every store: its server, settings, schema and privileges.')
    .addOption(configOption())
    .addOption(storeOption())
    .addHelpText('after', EXIT_CODES)
    .action(async (flags: StoreFlags) => {
      done(await doctorCommand(await settingsOf(flags)))
    })
  return program
}

async function run({ config, file, untilIdle = false, ...flags }: RunFlags): Promise<number> {
  const loaded = await load(config, flags)
  const logger = loggerOf(loaded)
  const jobsFile = file === undefined ? null : await openJobsFile(file, process.cwd())
  return runWorker({ loaded, logger, file: jobsFile, untilIdle })
}

async function enqueue({ config, file, ...flags }: EnqueueFlags): Promise<number> {
  const loaded = await load(config, flags)
  return enqueueCommand(loaded, await openJobsFile(file, process.cwd()), loggerOf(loaded))
}

function loggerOf({ settings }: LoadedWorker): Logger {
  return createLogger({ level: settings.logLevel, stdout: process.stdout, env: process.env })
}

function load(configPath: string | undefined, flags: Overrides): Promise<LoadedWorker> {
  return loadWorker({ cwd: process.cwd(), env: process.env, configPath, flags })
}

function settingsOf({ config, ...flags }: StoreFlags): Promise<Settings> {
  return loadSettings({ cwd: process.cwd(), env: process.env, configPath: config, flags })
}

function configOption(): Option {
  return new Option(
    '--config <path>',
    'the config file (default: jobs.config.{ts,mts,js,mjs} here)',
  )
}

function storeOption(): Option {
  return override('--store <url>', `the store (default: ${DEFAULT_STORE_URL})`, 'store')
}

function override(flags: string, description: string, key: keyof Overrides): Option {
  return new Option(flags, description).argParser((text: string) => {
    try {
      return parseOverride[key](text)
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error))
    }
  })
}

function version(): string {
  const url = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
}
