/** The price books that come with Ebb, checked when they are first asked for. */
import { CodedError } from '../errors.ts';
import { type PriceBook, readPriceBook } from '../price-book.ts';
import awsEc2 from './aws-ec2.json' with { type: 'json' };
import awsLambdaArm from './aws-lambda-arm.json' with { type: 'json' };
import awsLambdaX86 from './aws-lambda-x86.json' with { type: 'json' };
import azureFunctions from './azure-functions.json' with { type: 'json' };
import cloudflareWorkers from './cloudflare-workers.json' with { type: 'json' };
import gcpCloudRun from './gcp-cloud-run.json' with { type: 'json' };
import heroku from './heroku.json' with { type: 'json' };

const FILES = [awsLambdaX86, awsLambdaArm, awsEc2, heroku, cloudflareWorkers, azureFunctions, gcpCloudRun];

/** The ids of all books, in the order in which they are listed. */
export const PRICE_BOOK_IDS: readonly string[] = FILES.map((file) => file.id);

const loaded = new Map<string, PriceBook>();

/** @throws CodedError `prices-unknown`, naming the books there are. */
export function priceBook(id: string): PriceBook {
  const known = loaded.get(id);
  if (known) return known;
  const file = FILES.find((candidate) => candidate.id === id);
  if (!file) {
    throw new CodedError(
      'prices-unknown',
      `no price book ${JSON.stringify(id)}; there are ${PRICE_BOOK_IDS.join(', ')}`,
    );
  }
  const book = readPriceBook(file);
  loaded.set(id, book);
  return book;
}
