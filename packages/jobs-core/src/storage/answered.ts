/** What a store says that has answered. */
export type Answered<State> = Exclude<State, 'unanswered'>
