"""Checks that buckets answer: `python buckets.py logs traces metrics`. Runs in a pod before the chart is installed.

Reads S3_ENDPOINT (http://host:port), S3_REGION, S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY. Exits with a sentence for the
reader and status 1 if a bucket cannot be listed. Only the standard library: the image is Python's own.
"""

import datetime
import hashlib
import hmac
import os
import sys
import urllib.error
import urllib.request

SECONDS = 10
# The stores in other pods get no proxy either.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
EMPTY = hashlib.sha256(b"").hexdigest()
MEANS = {
    301: "it is in another region: set objectStorage.region",
    403: "the keys S3_ACCESS_KEY and S3_SECRET_ACCESS_KEY of the Secret are refused",
    404: "there is no such bucket: create it, or set objectStorage.buckets",
}


def problem(bucket: str) -> str:
    """Return why the first page of the bucket's list cannot be read, empty if it can."""
    endpoint = os.environ["S3_ENDPOINT"]
    request = urllib.request.Request(f"{endpoint}/{bucket}?list-type=2&max-keys=1")
    for name, value in signature(request.host, bucket, datetime.datetime.now(datetime.UTC)).items():
        request.add_header(name, value)
    try:
        with DIRECT.open(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return MEANS.get(error.code, f"it answers with status {error.code}")
    except OSError as error:
        return f"it does not answer ({getattr(error, 'reason', error)}): see objectStorage.endpoint"


def signature(host: str, bucket: str, now: datetime.datetime) -> dict[str, str]:
    """Return the headers that sign the request of `problem` (AWS Signature Version 4)."""
    time, day, region = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), os.environ["S3_REGION"]
    headers = {"host": host, "x-amz-content-sha256": EMPTY, "x-amz-date": time}
    names, scope = ";".join(headers), f"{day}/{region}/s3/aws4_request"
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join(["GET", f"/{bucket}", "list-type=2&max-keys=1", *lines, "", names, EMPTY])
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{os.environ['S3_SECRET_ACCESS_KEY']}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signed = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{os.environ['S3_ACCESS_KEY']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signed}"
    return headers


if __name__ == "__main__":
    for name in sys.argv[1:]:
        if why := problem(name):
            sys.exit(f"The bucket {name} at {os.environ['S3_ENDPOINT']} cannot be used: {why}.")
