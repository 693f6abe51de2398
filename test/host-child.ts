/** A host in a process of its own, for tests that kill it: prints its addresses, and stops on SIGTERM. */
import { hostConfig } from '../host/config.ts';
import { startHost } from '../host/server.ts';

const [dataDir] = process.argv.slice(2);
const config = hostConfig({ port: 0, adminPort: 0, ...(dataDir === undefined ? {} : { dataDir }) });
const running = await startHost(config, {
  nowMs: Date.now,
  onInternal: (error) => process.stderr.write(`${String(error)}\n`),
});
process.once('SIGTERM', () => void running.stop());
const { publicUrl, adminUrl } = running;
process.stdout.write(`${JSON.stringify({ publicUrl, adminUrl })}\n`);
