// Runs the GraphQL-over-HTTP audit of the npm package `graphql-http` against a running server.
//
//   npm install --no-save graphql graphql-http
//   GRAPHQL_URL=http://127.0.0.1:4400/graphql GRAPHQL_TOKEN=... node tests/graphql_http_audit.mjs
//
// The package is looked for from the working directory. Introspection must be allowed to the token's role.
// Prints `61 of 61` and ends with 0 when every check passes, and with 1 otherwise.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const { GRAPHQL_URL: url, GRAPHQL_TOKEN: token } = process.env;
if (!url || !token) {
  console.error('Set GRAPHQL_URL and GRAPHQL_TOKEN.');
  process.exit(2);
}

const require = createRequire(`${process.cwd()}/`);
const { serverAudits } = await import(pathToFileURL(require.resolve('graphql-http')));

const fetchFn = (target, init = {}) =>
  fetch(target, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });

const audits = serverAudits({ url, fetchFn });
let passed = 0;
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') {
    passed += 1;
  } else {
    console.log(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
  }
  await result.response?.body?.cancel().catch(() => {});
}
console.log(`${passed} of ${audits.length}`);
process.exit(passed === audits.length && passed > 0 ? 0 : 1);
