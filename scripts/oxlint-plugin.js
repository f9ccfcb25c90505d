// Rules of this repository that no built-in rule of oxlint expresses.

/** `new Date()` and `Date()` read the machine's clock; `new Date(value)` does not. */
const noCurrentDate = {
  create(context) {
    const check = (node) => {
      const { callee } = node
      if (callee.type !== 'Identifier' || callee.name !== 'Date') return
      if (node.type === 'NewExpression' && node.arguments.length > 0) return
      context.report({ node, message: 'The time comes from the runtime port: pass `now` in.' })
    }
    return { NewExpression: check, CallExpression: check }
  },
}

export default {
  meta: { name: 'cgk' },
  rules: { 'no-current-date': noCurrentDate },
}
