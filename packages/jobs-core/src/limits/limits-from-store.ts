import type {
  Breaker,
  Limits,
  LimitScope,
  LimitState,
  RateLimit,
  StoredLimits,
} from '../storage/limits.ts'
import type {
  AppliedLimits,
  BreakerOption,
  LimitStatus,
  QueueScope,
  RateOption,
  ScopeLimits,
  StatedBySource,
  StatedLimits,
} from './limit-options.ts'

/** How a scope stands, as callers see it. */
export function statusFromStore(state: LimitState): LimitStatus {
  const { paused } = state.effective
  return {
    ...statedFromStore(state),
    // What applies is never 'none'.
    applies: limitsFromStore(state.effective) as AppliedLimits,
    paused,
    leased: state.leased,
    opensInMs: state.opensInMs,
    ...(state.breaker !== null && { breaker: state.breaker }),
  }
}

/** What was said about a scope, as callers see it. */
export function statedFromStore({ scope, operator, directory }: StoredLimits): StatedLimits {
  return {
    scope: scopeFromStore(scope),
    operator: sourceFromStore(operator),
    directory: sourceFromStore(directory),
  }
}

function sourceFromStore(limits: Limits): StatedBySource {
  const { paused } = limits
  return { ...limitsFromStore(limits), ...(paused !== undefined && { paused }) }
}

function scopeFromStore({ tenantId, limiter, key }: LimitScope): QueueScope {
  return {
    ...(tenantId !== undefined && { tenantId }),
    ...(limiter !== undefined && { limiter }),
    ...(key !== undefined && { key }),
  }
}

function limitsFromStore({ weight, concurrency, rate, backlog, breaker }: Limits): ScopeLimits {
  return {
    ...(weight !== undefined && { weight }),
    ...(concurrency !== undefined && { concurrency }),
    ...(rate !== undefined && { rate: rate === 'none' ? rate : rateFromStore(rate) }),
    ...(backlog !== undefined && { backlog }),
    ...(breaker !== undefined && {
      breaker: breaker === 'none' ? breaker : breakerFromStore(breaker),
    }),
  }
}

function rateFromStore({ limit, periodMs, burst }: RateLimit): Required<RateOption> {
  return { limit, period: periodMs, burst }
}

function breakerFromStore({ failures, cooldownMs }: Breaker): BreakerOption {
  return { failures, cooldown: cooldownMs }
}
