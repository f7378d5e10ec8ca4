import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './checkout.mjs';

export const NO_TESTS = Object.freeze({ passed: 0, failed: 0, skipped: 0 });

/** Counts of one tier from vitest's JSON report; a run that left none, or ended badly, counts as one failure. */
export function tierTotals(reportFile, code) {
  const report = readReport(reportFile);
  const totals = { ...NO_TESTS };
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

/** Full names of the tests that failed, and paths of the files that failed as a whole. */
export function failedNames(reportFile) {
  const files = readReport(reportFile)?.testResults ?? [];
  return files.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const where = relative(ROOT, name);
    if (failed.length > 0) return failed.map(({ fullName }) => `${where}: ${fullName}`);
    return status === 'failed' ? [where] : [];
  });
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
