// CloudFront Function (viewer request, cloudfront-js-2.0): a bucket knows objects, not folders.
function handler(event) {
  var request = event.request;
  if (request.uri.endsWith('/')) {
    request.uri += 'index.html';
  }
  return request;
}
