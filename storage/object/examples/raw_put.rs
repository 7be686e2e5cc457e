//! `raw_put BUCKET COUNT BYTES`: how long an object store takes to create an object on the condition that it is not there, one after
//! the other. Prints the median and the 99th percentile in milliseconds, as JSON.

#![expect(clippy::print_stdout, reason = "it is what it prints")]

use std::{error::Error, time::Instant};

use object_store::{ObjectStoreExt, PutMode, PutPayload, aws::AmazonS3Builder, path::Path};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("usage: raw_put BUCKET COUNT BYTES");
    let (bucket, count, bytes) = (next()?, next()?.parse::<usize>()?, next()?.parse::<usize>()?);
    let objects = epistemic_bucket::open(AmazonS3Builder::from_env().with_bucket_name(bucket))?;
    let payload = PutPayload::from(vec![b'x'; bytes]);
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let path = Path::from(format!("raw-put/{}/{number:08}", std::process::id()));
        let begun = Instant::now();
        object_store::ObjectStore::put_opts(&objects, &path, payload.clone(), PutMode::Create.into()).await?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        if number % 100 == 99 {
            objects.delete(&path).await?;
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{{\"p50_ms\": {:.3}, \"p99_ms\": {:.3}}}", times[count / 2], times[count * 99 / 100]);
    Ok(())
}
