import { styleText } from 'node:util'
import { totalOf, type Progress, type TenantProgress } from './progress.ts'

const BAR_WIDTH = 10
const COLUMNS = ['done', 'running', 'waiting', 'failed'] as const
const COLUMN_WIDTH = 8
const NAME_WIDTH = 15

/** A line per tenant under a heading, less than 80 columns wide. */
export function renderTenants(progress: Progress): string {
  const title = renderTitle(progress).padEnd(NAME_WIDTH + BAR_WIDTH)
  const names = [...COLUMNS, 'share', 'wait']
  const heading = `${names.map((name) => name.padStart(COLUMN_WIDTH)).join('')}  limit`
  return [styleText('dim', `${title}${heading}`), ...progress.tenants.map(renderTenant)].join('\n')
}

/** All tenants in one line, for where there is no terminal. */
export function renderTotals(progress: Progress): string {
  const total = totalOf(progress.tenants)
  const numbers = COLUMNS.map((name) => `${total[name]} ${name}`).join(', ')
  const held = progress.tenants.filter(({ limit }) => limit !== null)
  const limits = held.map(({ tenantId, limit }) => `; ${tenantId}: ${limit}`).join('')
  return `${renderTitle(progress)}: ${numbers}${limits}`
}

function renderTitle({ elapsedMs, isDraining }: Progress): string {
  return `${(elapsedMs / 1000).toFixed(1)} s${isDraining ? ', draining' : ''}`
}

function renderTenant(tenant: TenantProgress): string {
  const { tenantId, share, waitMs, limit } = tenant
  const numbers = COLUMNS.map((name) => {
    const text = String(tenant[name]).padStart(COLUMN_WIDTH)
    if (tenant[name] === 0) return styleText('dim', text)
    return name === 'failed' ? styleText('red', text) : text
  })
  const wait = waitMs === null ? '' : `${(waitMs / 1000).toFixed(1)} s`
  return [
    tenantId.padEnd(NAME_WIDTH),
    renderBar(tenant),
    ...numbers,
    `${(100 * share).toFixed(1)} %`.padStart(COLUMN_WIDTH),
    wait.padStart(COLUMN_WIDTH),
    `  ${styleText('yellow', limit ?? '')}`,
  ].join('')
}

function renderBar({ done, failed, expected }: TenantProgress): string {
  const filled = Math.floor(Math.min(1, (done + failed) / expected) * BAR_WIDTH)
  return styleText('green', '█'.repeat(filled)) + styleText('dim', '░'.repeat(BAR_WIDTH - filled))
}
