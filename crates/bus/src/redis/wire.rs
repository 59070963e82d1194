//! A connection for commands, whose replies can be had as they came.

use super::fold::{self, Folding};
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, Pipeline, RedisError, RedisFuture, RedisResult,
    Value, parse_redis_value,
};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;

#[derive(Clone)]
pub(super) struct Wire {
    connection: MultiplexedConnection,
    /// Over TLS or a socket of the system, the crate connects and reads by itself.
    folds: bool,
}

// === impl Wire ===

impl Wire {
    pub(super) async fn dial(
        client: &Client,
        config: AsyncConnectionConfig,
        limit: Duration,
    ) -> Result<Self, RedisError> {
        let info = client.get_connection_info();
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            let connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            return Ok(Self {
                connection,
                folds: false,
            });
        };
        let dialed = tokio::time::timeout(limit, async {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            let folds = Arc::new(AtomicBool::new(false));
            let stream = Folding::new(stream, Arc::clone(&folds));
            let (connection, driver) =
                MultiplexedConnection::new_with_config(info.redis_settings(), stream, config).await?;
            // It ends with the last clone of the connection.
            tokio::spawn(driver);
            // Everything that was asked so far is answered.
            folds.store(true, Ordering::Release);
            Ok(Self {
                connection,
                folds: true,
            })
        });
        dialed
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    /// One call, and the reply as it came.
    pub(super) async fn raw(&mut self, command: &Cmd) -> RedisResult<Vec<u8>> {
        let value = self.connection.send_packed_command(command).await?;
        Ok(self.raw_of(value))
    }

    /// Several calls at once.
    pub(super) async fn raw_many(&mut self, pipeline: &Pipeline) -> RedisResult<Vec<Vec<u8>>> {
        let values = self
            .connection
            .req_packed_commands(pipeline, 0, pipeline.len())
            .await?;
        Ok(values.into_iter().map(|value| self.raw_of(value)).collect())
    }

    fn raw_of(&self, value: Value) -> Vec<u8> {
        match value {
            Value::BulkString(bytes) if self.folds => bytes,
            value => {
                let mut bytes = Vec::new();
                fold::folded(&value, &mut bytes);
                bytes
            }
        }
    }

    fn tree_of(&self, value: Value) -> RedisResult<Value> {
        match value {
            Value::BulkString(bytes) if self.folds => parse_redis_value(&bytes),
            value => Ok(value),
        }
    }
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let value = self.connection.send_packed_command(command).await?;
            self.tree_of(value)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let values = self
                .connection
                .req_packed_commands(pipeline, offset, count)
                .await?;
            values.into_iter().map(|value| self.tree_of(value)).collect()
        })
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}
