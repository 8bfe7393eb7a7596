// Runs a script on a Node that is recent enough: `node tools/node.cjs SCRIPT ARGS`. Any Node can parse this.
'use strict';
var node22 = require('../bin/node22.cjs');

// The carried Node comes first even where the system's is recent, so that everybody's clone behaves alike.
node22.handOver(node22.carriedNode() || process.execPath, process.argv.slice(2));
