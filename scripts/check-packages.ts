/**
 * Checks the published packages as a user gets them: packed, installed together into an empty
 * project, type-checked, imported, and run on every supported release line of Node.js.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** One release of each supported line; the first is the oldest line in `engines`. */
const NODE_VERSIONS = ['22.23.3', '24.21.0', '26.10.0']

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly bin?: Record<string, string>
  readonly exports: Record<string, unknown>
  readonly publishConfig: { readonly bin?: Record<string, string> }
  readonly peerDependencies?: Record<string, string>
}

interface Package {
  readonly directory: string
  readonly manifest: Manifest
  readonly tarball: string
}

const root = resolve(import.meta.dirname, '..')
const binaries = join(root, 'node_modules', '.bin')
const temp = await mkdtemp(join(tmpdir(), 'check-packages-'))
const project = join(temp, 'project')
let failed = 0

/** Runs a program to its end; rejects, with all it printed, unless it exits with 0 in time. */
function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((succeed, fail) => {
    const options = { cwd, timeout: 240_000, maxBuffer: 64 * 1024 * 1024 }
    execFile(file, args, options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim()
      if (error === null) succeed(output)
      else fail(new Error(`${[file, ...args].join(' ')}\n${output || error.message}`))
    })
  })
}

/** Runs one check, prints its line, and says whether it passed. */
async function check(name: string, body: () => Promise<unknown>): Promise<boolean> {
  try {
    await body()
    console.log(`ok    ${name}`)
    return true
  } catch (error) {
    failed += 1
    console.log(`FAIL  ${name}`)
    const text = error instanceof Error ? error.message : String(error)
    console.log(text.replace(/^/gm, '      '))
    return false
  }
}

async function findPackages(): Promise<Package[]> {
  const packages: Package[] = []
  for (const group of ['packages', 'apps']) {
    for (const entry of (await readdir(join(root, group))).toSorted()) {
      const directory = join(root, group, entry)
      if (!existsSync(join(directory, 'package.json'))) continue
      const manifest: Manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'))
      if (manifest.private === true) continue
      packages.push({ directory, manifest, tarball: join(temp, `${entry}.tgz`) })
    }
  }
  return packages
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`)
}

/** Installs the Node.js releases beside the project and returns each one's executable. */
async function installNodes(): Promise<Map<string, string>> {
  const executables = new Map<string, string>()
  for (const version of NODE_VERSIONS) {
    const directory = join(temp, `node-${version}`)
    await mkdir(directory)
    await writeJson(join(directory, 'package.json'), {
      private: true,
      allowScripts: { node: true },
    })
    await run('npm', ['install', '--no-audit', '--no-fund', `node@${version}`], directory)
    executables.set(version, join(directory, 'node_modules', 'node', 'bin', 'node'))
  }
  return executables
}

/** The specifier of every entry point, e.g. `@cgk/jobs-memory` and `@cgk/jobs-memory/testing`. */
function entryPoints(packages: readonly Package[]): string[] {
  return packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports).map((path) => manifest.name + path.slice(1)),
  )
}

/** Type-checks the project, declarations of ours included; others' may be wrong by themselves. */
async function checkTypes(): Promise<void> {
  try {
    await run(join(binaries, 'tsc'), [], project)
  } catch (error) {
    const lines = String(error).split('\n')
    const errors = lines.filter((line) => /: error TS\d+: /.test(line))
    const ours = errors.filter((line) => !/^node_modules\/(?!.*\/@cgk\/)/.test(line))
    if (ours.length > 0 || errors.length === 0)
      throw new Error((ours.length > 0 ? ours : lines).join('\n'))
  }
}

async function writeProject(packages: readonly Package[]): Promise<void> {
  const tarballs = Object.fromEntries(
    packages.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`]),
  )
  const peers = Object.assign({}, ...packages.map(({ manifest }) => manifest.peerDependencies))
  const specifiers = entryPoints(packages)
  await mkdir(project)
  await writeJson(join(project, 'package.json'), {
    private: true,
    type: 'module',
    dependencies: { ...peers, ...tarballs, '@types/node': '22' },
  })
  // The packages ask for each other by version, and none of these versions is published yet.
  await writeFile(
    join(project, 'pnpm-workspace.yaml'),
    `packages: []\nnodeVersion: ${NODE_VERSIONS[0]}\noverrides: ${JSON.stringify(tarballs)}\n`,
  )
  await writeFile(
    join(project, 'import.mjs'),
    specifiers.map((specifier) => `await import('${specifier}')\n`).join(''),
  )
  await writeFile(
    join(project, 'require.cjs'),
    specifiers.map((specifier) => `require('${specifier}')\n`).join(''),
  )
  await writeFile(
    join(project, 'types.ts'),
    specifiers
      .map((specifier, index) => `export * as entry${index} from '${specifier}'\n`)
      .join(''),
  )
  await writeJson(join(project, 'tsconfig.json'), {
    compilerOptions: {
      noEmit: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      module: 'nodenext',
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable', 'dom'],
      types: ['node'],
    },
    // No `skipLibCheck`: it would hide an error in a declaration file.
    files: ['types.ts'],
  })
  await writeFile(join(project, 'main.mjs'), JOBS_PROGRAM)
}

/** One job through the front door, on the default store; the process must then end by itself, without process.exit. */
const JOBS_PROGRAM = `
import * as jobs from '@cgk/jobs'

const { createJobQueue, processJobs } = jobs
if (createJobQueue !== undefined && processJobs !== undefined) {
  const late = setTimeout(() => {
    console.error('The job was not completed within 60 s.')
    process.exit(1)
  }, 60_000)
  const queue = createJobQueue({ name: 'default' })
  const { promise, resolve, reject } = Promise.withResolvers()
  const handlers = new Map()
  handlers.set('greet', async (job) => ({ success: true, data: { greeted: job.payload.name } }))
  const processor = processJobs({
    queue,
    handlers,
    onComplete: (job, result) => resolve(result),
    onError: (job, error) => reject(error),
  })
  processor.start()
  await queue.enqueue('greet', { name: 'Ada' })
  await promise
  await processor.stop()
  clearTimeout(late)
}
`

const nodesInstalled = installNodes()
// Awaited below, after the checks that need no Node.js release; a failure is reported there.
nodesInstalled.catch(() => {})

const packages = await findPackages()
for (const { directory } of packages) {
  await rm(join(directory, 'dist'), { recursive: true, force: true })
}

const built = await check('build', () => run('pnpm', ['build', '--force'], root))
let packed = built
if (built) {
  for (const { directory, manifest, tarball } of packages) {
    const ok = await check(`pack ${manifest.name}`, () =>
      run('pnpm', ['pack', '--out', tarball], directory),
    )
    packed &&= ok
  }
}

if (packed) {
  for (const { directory, manifest, tarball } of packages) {
    await check(`publint ${manifest.name}`, () =>
      run(join(binaries, 'publint'), ['run', tarball, '--strict'], directory),
    )
    await check(`attw ${manifest.name}`, () =>
      run(
        join(binaries, 'attw'),
        [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii'],
        directory,
      ),
    )
  }

  await writeProject(packages)
  const ready =
    (await check('install every tarball into one project', () =>
      run('pnpm', ['install', '--no-frozen-lockfile'], project),
    )) && (await check('install Node.js releases', () => nodesInstalled))
  if (ready) {
    await check('types of every entry point', checkTypes)
    for (const [version, node] of await nodesInstalled) {
      await check(`import every entry point, Node ${version}`, () =>
        run(node, ['import.mjs'], project),
      )
      await check(`require every entry point, Node ${version}`, () =>
        run(node, ['require.cjs'], project),
      )
      await check(`process one job, Node ${version}`, () => run(node, ['main.mjs'], project))
      for (const { manifest } of packages) {
        for (const [bin, path] of Object.entries(manifest.publishConfig.bin ?? {})) {
          await check(`${bin} --help, Node ${version}`, () =>
            run(node, [join('node_modules', manifest.name, path), '--help'], project),
          )
        }
      }
    }
  }
}

await nodesInstalled.catch(() => {})
await rm(temp, { recursive: true, force: true })
console.log(failed === 0 ? 'All package checks passed.' : `${failed} package checks failed.`)
process.exitCode = failed === 0 ? 0 : 1
