import * as analytics from './analytics.ts'
import * as cancellableSequence from './cancellable-sequence.ts'
import * as catalogueSync from './catalogue-sync.ts'
import * as creatorPayouts from './creator-payouts.ts'
import * as mediaBatches from './media-batches.ts'
import * as opsCron from './ops-cron.ts'
import * as orderFanOut from './order-fan-out.ts'
import * as pacedEmail from './paced-email.ts'
import * as reconciliation from './reconciliation.ts'
import * as smsQuietHours from './sms-quiet-hours.ts'
import * as subscriptionBilling from './subscription-billing.ts'
import * as webhooks from './webhooks.ts'

const KINDS: Readonly<Record<string, (say: (line: string) => void) => Promise<void>>> = {
  'order-fan-out': orderFanOut.story,
  reconciliation: reconciliation.story,
  'catalogue-sync': catalogueSync.story,
  'paced-email': pacedEmail.story,
  'cancellable-sequence': cancellableSequence.story,
  'subscription-billing': subscriptionBilling.story,
  'media-batches': mediaBatches.story,
  analytics: analytics.story,
  webhooks: webhooks.story,
  'sms-quiet-hours': smsQuietHours.story,
  'ops-cron': opsCron.story,
  'creator-payouts': creatorPayouts.story,
}

const [kind] = process.argv.slice(2)
if (kind !== undefined && KINDS[kind] === undefined) {
  console.error(`There is no "${kind}". There are: ${Object.keys(KINDS).join(', ')}`)
  process.exitCode = 1
} else {
  for (const [name, story] of Object.entries(KINDS)) {
    if (kind !== undefined && kind !== name) continue
    console.log(`\n${name}`)
    await story((line) => {
      console.log(`  ${line}`)
    })
  }
}
