import { readFileSync } from 'node:fs';

/** Counts of one tier from vitest's JSON report; a run that left none, or ended badly, counts as one failure. */
export function tierTotals(reportFile, code) {
  const report = readReport(reportFile);
  const totals = { passed: 0, failed: 0, skipped: 0 };
  if (report !== undefined) {
    totals.passed = report.numPassedTests;
    totals.skipped = report.numPendingTests + report.numTodoTests;
    totals.failed = report.numFailedTests + brokenFiles(report);
  }
  // An error outside of any test (unhandled rejection, crash, time limit) has only the exit code to show for itself.
  if (totals.failed === 0 && (code !== 0 || report === undefined)) totals.failed = 1;
  return totals;
}

export function addTotals(left, right) {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

export function formatTotals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Files that failed as a whole: they do not import, or a hook threw. Their tests are not among the failed ones. */
function brokenFiles(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return broken.length;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
