// All that a guest's author can import, under the one name 'ebb'. Nothing is made here.

export { FetchResult, fetch, OutboundRequest } from './fetch';
export { Headers } from './headers';
export { log } from './log';
export { Request } from './request';
export { Response } from './response';
export { BodyReader, BodyWriter } from './stream';
