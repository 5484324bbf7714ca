//! The client's side of a control socket, for the commands.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::paths::{self, Role, Socket};
use super::{ControlError, EXIT_NO, EXIT_NOT_RUNNING, EXIT_TIMEOUT};

/// How long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection to a daemon. Blocking.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
    line: Vec<u8>,
    path: PathBuf,
}

impl Client {
    /// Connects to the daemon of `role` whose state directory `--state` names (see [`paths::state_dir`]).
    ///
    /// Without a name an ordinary user who runs no daemon of his own gets the machine's one.
    pub fn open(role: Role, state: Option<&Path>, socket: Socket) -> Result<Self, ControlError> {
        let dir = paths::state_dir(role, state);
        let own = Self::connect(&paths::find_socket(&dir, socket));
        let machine = Path::new("/var/lib/hms").join(role.name());
        let named = state.is_some() || std::env::var_os("HMS_STATE").is_some_and(|value| !value.is_empty());
        match own {
            Err(error) if error.exit == EXIT_NOT_RUNNING && !named && machine != dir => {
                Self::connect(&paths::find_socket(&machine, socket)).map_err(|_| error)
            }
            other => other,
        }
    }

    /// Connects to the socket at `path`.
    pub fn connect(path: &Path) -> Result<Self, ControlError> {
        let stream = UnixStream::connect(path).map_err(|error| cannot_connect(path, &error))?;
        let set = stream.set_read_timeout(Some(ANSWER)).and_then(|()| stream.set_write_timeout(Some(ANSWER)));
        set.map_err(|error| cannot_connect(path, &error))?;
        Ok(Self { reader: BufReader::new(stream), line: Vec::new(), path: path.to_path_buf() })
    }

    /// Sets how long to wait for an answer; `None` waits forever.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|time| time.max(Duration::from_millis(1)));
        // Only a zero time-out is refused, and that was just excluded.
        let _ = self.reader.get_ref().set_read_timeout(timeout);
    }

    /// Sends a request and returns what is in the answer's `ok`.
    pub fn request(&mut self, request: &Value) -> Result<Value, ControlError> {
        self.send(request)?;
        let mut answer: Value = self.receive()?.ok_or_else(|| self.gone())?;
        if let Some(error) = answer.get("error") {
            return Err(ControlError::from_value(error));
        }
        Ok(answer.get_mut("ok").map(Value::take).unwrap_or_default())
    }

    /// Waits until the daemon has closed the connection, as it does at its end.
    pub fn until_closed(&mut self) -> Result<(), ControlError> {
        while self.receive::<Value>()?.is_some() {}
        Ok(())
    }

    /// Sends a request that is answered with a list; `row` gets each row as it comes. Returns the answer behind them.
    pub fn list(
        &mut self,
        request: &Value,
        row: &mut dyn FnMut(Box<RawValue>),
    ) -> Result<Value, ControlError> {
        #[derive(Deserialize)]
        struct Line {
            part: Option<Vec<Box<RawValue>>>,
            #[serde(default)]
            ok: Value,
            error: Option<Value>,
        }
        self.send(request)?;
        loop {
            match self.receive::<Line>()?.ok_or_else(|| self.gone())? {
                Line { part: Some(rows), .. } => rows.into_iter().for_each(&mut *row),
                Line { error: Some(error), .. } => return Err(ControlError::from_value(&error)),
                Line { ok, .. } => return Ok(ok),
            }
        }
    }

    /// Sends a request that is answered by a stream of events.
    pub fn stream(mut self, request: &Value) -> Result<Events, ControlError> {
        self.send(request)?;
        self.set_timeout(None);
        Ok(Events { client: self, ended: false })
    }

    /// Sends a request that is answered by bytes behind an answer, which is returned as well.
    pub fn raw(mut self, request: &Value) -> Result<(Value, RawStream), ControlError> {
        let answer = self.request(request)?;
        self.set_timeout(None);
        Ok((answer, RawStream { reader: self.reader }))
    }

    fn send(&mut self, request: &Value) -> Result<(), ControlError> {
        let mut line = request.to_string();
        line.push('\n');
        self.reader.get_mut().write_all(line.as_bytes()).map_err(|error| self.broken(&error))
    }

    fn receive<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ControlError> {
        // What came before a time-out stays in `line`, so that no event is torn.
        if let Err(error) = self.reader.read_until(b'\n', &mut self.line) {
            return Err(self.broken(&error));
        }
        let line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\n") {
            return Ok(None);
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(|error| ControlError::new(EXIT_NO, format!("{}: {error}", self.path.display())))
    }

    fn broken(&self, error: &io::Error) -> ControlError {
        let path = self.path.display();
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                ControlError::new(EXIT_TIMEOUT, format!("the daemon at {path} does not answer"))
            }
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset => self.gone(),
            _ => ControlError::new(EXIT_NO, format!("{path}: {error}")),
        }
    }

    fn gone(&self) -> ControlError {
        let path = self.path.display();
        ControlError::new(EXIT_NOT_RUNNING, format!("the daemon at {path} closed the connection"))
    }
}

fn cannot_connect(path: &Path, error: &io::Error) -> ControlError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            ControlError::new(EXIT_NOT_RUNNING, format!("no daemon is running: nobody listens at {shown}"))
        }
        ErrorKind::PermissionDenied => ControlError::new(
            EXIT_NO,
            format!("{shown}: permission denied (run this as the daemon's user or as root)"),
        ),
        ErrorKind::WouldBlock => {
            ControlError::new(EXIT_TIMEOUT, format!("the daemon at {shown} is too busy"))
        }
        _ => ControlError::new(EXIT_NO, format!("{shown}: {error}")),
    }
}

/// Bytes that a daemon sends, until it closes the connection.
#[derive(Debug)]
pub struct RawStream {
    reader: BufReader<UnixStream>,
}

impl RawStream {
    /// Says that no more is wanted: the daemon sends what it still has, says the last and closes.
    pub fn stop(&self) {
        // That it is closed already is as good.
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }

    /// Sets how long to wait for the next bytes.
    pub fn set_timeout(&self, timeout: Duration) {
        // Only a zero time-out is refused, and that was just excluded.
        let _ = self.reader.get_ref().set_read_timeout(Some(timeout.max(Duration::from_millis(1))));
    }
}

impl Read for RawStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// The events of a stream, until the daemon closes it.
#[derive(Debug)]
pub struct Events {
    client: Client,
    ended: bool,
}

impl Events {
    /// Sets how long to wait for the next event; `None` waits forever. A time-out is an item with exit code 3,
    /// after which the stream goes on.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.client.set_timeout(timeout);
    }
}

impl Iterator for Events {
    type Item = Result<Value, ControlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = match self.client.receive::<Value>() {
            Ok(None) => None,
            Ok(Some(mut line)) => Some(match line.get("error") {
                Some(error) => Err(ControlError::from_value(error)),
                None => Ok(line.get_mut("event").map(Value::take).unwrap_or_default()),
            }),
            Err(error) if error.exit == EXIT_NOT_RUNNING => None,
            Err(error) => Some(Err(error)),
        };
        self.ended = match &item {
            None => true,
            Some(Err(error)) => error.exit != EXIT_TIMEOUT,
            Some(Ok(_)) => false,
        };
        item
    }
}
