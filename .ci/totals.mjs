// Prints "N passed, N failed[, N skipped]" and exits with 1 if anything failed.
// A test file that could not be loaded, and a failed check other than the tests, count as one each.
import { readFileSync } from 'node:fs'

const [path, ...failedChecks] = process.argv.slice(2)

let passed = 0
let failed = 0
let skipped = 0
try {
  const report = JSON.parse(readFileSync(path, 'utf8'))
  passed = report.numPassedTests
  failed = report.numFailedTests
  skipped = report.numPendingTests + report.numTodoTests
  for (const file of report.testResults) {
    const blamed = file.assertionResults.some((test) => test.status === 'failed')
    if (file.status === 'failed' && !blamed) failed += 1
  }
} catch (error) {
  console.error(`The tests left no report: ${error.message}`)
}

// Failed without a failed test: an error outside of every test, or no tests at all.
if (failedChecks.includes('tests') && failed === 0) failed += 1
failed += failedChecks.filter((name) => name !== 'tests').length
if (passed === 0 && failed === 0) failed += 1

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exitCode = failed > 0 ? 1 : 0
