/** What can follow from a delivery: each is a job, and an endpoint of the outside API. */
export const actionNames = [
  'mirror-code',
  'track-build',
  'notify-team',
  'raise-alert',
  'update-access',
  'thank-supporter',
] as const

export type ActionName = (typeof actionNames)[number]

const actionsByEvent = new Map<string, readonly ActionName[]>([
  ['push', ['mirror-code']],
  ['create', ['mirror-code']],
  ['delete', ['mirror-code']],
  ['release', ['mirror-code', 'notify-team']],
  ['package', ['mirror-code']],

  ['check_run', ['track-build']],
  ['check_suite', ['track-build']],
  ['workflow_job', ['track-build']],
  ['workflow_run', ['track-build']],
  ['deployment', ['track-build']],
  ['deployment_status', ['track-build', 'notify-team']],
  ['status', ['track-build']],

  ['issues', ['notify-team']],
  ['issue_comment', ['notify-team']],
  ['pull_request', ['track-build', 'notify-team']],
  ['pull_request_review', ['notify-team']],
  ['pull_request_review_comment', ['notify-team']],
  ['discussion', ['notify-team']],

  ['code_scanning_alert', ['raise-alert', 'notify-team']],
  ['dependabot_alert', ['raise-alert', 'notify-team']],
  ['repository_vulnerability_alert', ['raise-alert', 'notify-team']],
  ['security_advisory', ['raise-alert']],

  ['member', ['update-access']],
  ['membership', ['update-access']],
  ['organization', ['update-access']],
  ['team', ['update-access']],

  ['star', ['thank-supporter']],
  ['sponsorship', ['thank-supporter']],
])

/** The actions an event asks for; none for events that are only taken note of. */
export function actionsFor(event: string): readonly ActionName[] {
  return actionsByEvent.get(event) ?? []
}
