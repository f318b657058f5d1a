// CloudFront Function (viewer request and viewer response, cloudfront-js-2.0) before the webhook
// that takes unsubscribe clicks: that one sees neither path nor query, and answers GET as it does
// POST. Mail scanners open every link, so GET is answered here, by a page that does nothing itself.
// POST, a mail program's click (RFC 8058) or the page's button, goes on with the link's token in a
// header. The token is not looked at: the flow knows whether it was signed here.
var WEBHOOK = 'WEBHOOK_PATH';

var STYLE = 'body{max-width:34rem;margin:12vh auto 4rem;padding:0 1.25rem;'
  + 'font:1.0625rem/1.5 system-ui,sans-serif;color-scheme:light dark}'
  + 'button{min-height:3rem;margin-top:1rem;padding:0 1.75rem;font:inherit;font-weight:600}';

var ASK = '<h1>No more mails?</h1>'
  + '<p>Press the button, and nothing from us goes any more to the address that got this link.</p>'
  + '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
  + '<button>Unsubscribe</button></form>'
  + '<p>Did the link come to you in a forwarded mail? Then close the page; nothing has changed.</p>';

var DONE = '<h1>Unsubscribed</h1>'
  + '<p>Your click is taken. A mail that is on its way already may still arrive.</p>';

var UNKNOWN = '<h1>This link is not complete</h1>'
  + '<p>Copy it from the mail once more, to its end.</p>';

function page(statusCode, statusDescription, content) {
  return {
    statusCode: statusCode,
    statusDescription: statusDescription,
    headers: {
      'content-type': { value: 'text/html; charset=utf-8' },
      'cache-control': { value: 'no-store' },
      'content-security-policy': {
        value: "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
          + "base-uri 'none'; frame-ancestors 'none'"
      },
      'referrer-policy': { value: 'no-referrer' },
      'x-content-type-options': { value: 'nosniff' },
      'x-robots-tag': { value: 'noindex, nofollow' }
    },
    body: {
      encoding: 'text',
      data: '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        + '<meta name="viewport" content="width=device-width, initial-scale=1">'
        + '<title>Unsubscribe · Gridletter</title><style>' + STYLE + '</style></head><body><main>'
        + content + '</main></body></html>'
    }
  };
}

function handler(event) {
  var request = event.request;
  if (event.context.eventType === 'viewer-response') {
    // The webhook says 204 without a word, and a browser would stay on the page as if nothing was.
    var taken = request.method === 'POST' && event.response.statusCode === 204;
    return taken ? page(200, 'OK', DONE) : event.response;
  }
  var token = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  if (!/^[A-Za-z0-9_.-]{20,2000}$/.test(token)) {
    return page(404, 'Not Found', UNKNOWN);
  }
  if (request.method === 'GET' || request.method === 'HEAD') {
    return page(200, 'OK', ASK);
  }
  if (request.method !== 'POST') {
    var refused = page(405, 'Method Not Allowed', ASK);
    refused.headers.allow = { value: 'GET, HEAD, POST' };
    return refused;
  }
  request.uri = WEBHOOK;
  request.querystring = {};
  request.headers['gridletter-token'] = { value: token };
  return request;
}
