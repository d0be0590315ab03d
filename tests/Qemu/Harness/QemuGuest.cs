using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A running QEMU. Every wait has a deadline; a guest that misses one is killed, and the test fails with the end of
/// its serial log. <see cref="Dispose"/> leaves no process behind.
/// </summary>
public sealed class QemuGuest : IDisposable
{
    /// <summary>The exit status of QEMU when every command of the script succeeded.</summary>
    public const int Success = 33;

    /// <summary>The exit status of QEMU when a command, or the kernel, failed.</summary>
    public const int Failure = 35;

    private readonly GuestOptions _options;
    private readonly string _folder;
    private readonly Process _process;
    private readonly Thread _reader;
    private readonly Task<string> _errors;
    private readonly TaskCompletionSource<Stream?> _line = new();
    private readonly ManualResetEventSlim _mayRead = new(initialState: true);
    private readonly string _commandLine;
    private MonitorConnection? _monitor;
    private bool _isDisposed;

    private QemuGuest(GuestOptions options, string folder, SerialLog serial, Process process, string commandLine)
    {
        _options = options;
        _folder = folder;
        _process = process;
        _commandLine = commandLine;
        Serial = serial;
        _errors = process.StandardError.ReadToEndAsync();
        _reader = new Thread(Read) { IsBackground = true, Name = "serial" };
        _reader.Start();
    }

    /// <summary>What came over the serial line.</summary>
    public SerialLog Serial { get; }

    /// <summary>QEMU's monitor.</summary>
    public MonitorConnection Monitor => _monitor ?? throw new InvalidOperationException("QEMU has no monitor yet.");

    /// <summary>How long the guest may take to its first line.</summary>
    public TimeSpan BootDeadline => Deadlines.BootBy(_options.Door);

    /// <summary>Whether QEMU still runs.</summary>
    public bool IsRunning => !_process.HasExited;

    /// <summary>Starts a machine; it runs when this returns.</summary>
    /// <param name="options">The machine.</param>
    /// <param name="folder">An empty folder for the files of this guest; its path must be short (a socket's).</param>
    /// <param name="log">The file for the serial log.</param>
    public static QemuGuest Start(GuestOptions options, string folder, string log)
    {
        string socket = Path.Combine(folder, "qmp");
        List<string> arguments = QemuCommandLine.Build(options, folder, socket);

        // timeout(1) ends the guest even if the test host is killed and cannot.
        string life = Deadlines.Life.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        ProcessStartInfo start = new("timeout", ["--signal=KILL", life, "qemu-system-x86_64", .. arguments]);
        string commandLine = "qemu-system-x86_64 " + string.Join(' ', arguments);
        SerialLog serial = new(log);
        QemuGuest guest = new(options, folder, serial, Tool.Start(start, "qemu-system-x86"), commandLine);
        try
        {
            guest._monitor = MonitorConnection.Open(socket, () => guest.IsRunning);
            if (guest._monitor is null)
            {
                guest.FailToStart();
            }

            guest.OpenLine();
            guest.Monitor.Execute("cont");
            return guest;
        }
        catch
        {
            guest.Dispose();
            throw;
        }
    }

    /// <summary>Waits for the next line with a match, after the last one waited for.</summary>
    public Match WaitForLine(string pattern, TimeSpan? timeout = null)
    {
        return WaitFor(pattern, timeout ?? Deadlines.Command, wholeLines: true);
    }

    /// <summary>Waits for text that need not end with its line, such as a prompt.</summary>
    public Match WaitForText(string pattern, TimeSpan? timeout = null)
    {
        return WaitFor(pattern, timeout ?? Deadlines.Command, wholeLines: false);
    }

    /// <summary>Waits until the guest says something, or ends.</summary>
    /// <param name="notice">What QEMU noted of the reset, where it ended by one without a word.</param>
    /// <returns>Whether it ended so.</returns>
    public bool HasResetSilently(out string notice)
    {
        notice = string.Empty;
        if (Serial.WaitForAnything(BootDeadline) || !Serial.IsComplete || WaitForExit() != 0)
        {
            return false;
        }

        string log = Path.Combine(_folder, QemuCommandLine.ResetLog);
        notice = File.Exists(log) ? File.ReadAllText(log) : "QEMU noted nothing";
        return true;
    }

    /// <summary>Waits for the first line of the kernel.</summary>
    public Match WaitForFirstLine()
    {
        return WaitForLine(FirstLine.Pattern, BootDeadline);
    }

    /// <summary>Waits for the shell to take a command.</summary>
    public void WaitForPrompt()
    {
        WaitForText("^vg> ", BootDeadline);
    }

    /// <summary>Waits until QEMU has ended; returns its exit status. The serial log is complete then.</summary>
    public int WaitForExit(TimeSpan? timeout = null)
    {
        TimeSpan deadline = timeout ?? BootDeadline + Deadlines.Command;
        if (!_process.WaitForExit(deadline))
        {
            Fail($"QEMU still runs after {deadline.TotalSeconds} s.");
        }

        _reader.Join(Deadlines.Monitor);
        return _process.ExitCode;
    }

    /// <summary>Sends text over the serial line.</summary>
    public void Type(string text)
    {
        Stream line = _options.Serial == SerialBackend.Pipes ? _process.StandardInput.BaseStream : _line.Task.Result!;
        line.Write(Encoding.Latin1.GetBytes(text));
        line.Flush();
    }

    /// <summary>Reads nothing of what the guest sends, as a reader does that has other things to do.</summary>
    public void PauseReading()
    {
        _mayRead.Reset();
    }

    /// <summary>Reads on.</summary>
    public void ResumeReading()
    {
        _mayRead.Set();
    }

    /// <summary>Presses keys one after the other, as a quick typist does.</summary>
    public void PressKeys(string text)
    {
        const int HoldMilliseconds = 10;
        foreach (char character in text)
        {
            try
            {
                Monitor.Execute("send-key", new JsonObject
                {
                    ["keys"] = Keyboard.Keys(character),
                    ["hold-time"] = HoldMilliseconds,
                });
            }
            catch (IOException) when (Monitor.WaitUntilClosed(Deadlines.Stillness))
            {
                // The key has ended the guest sooner than QEMU could answer.
                return;
            }

            // Longer than the key is held: QEMU would queue the next one behind it, and its queue is short.
            Thread.Sleep(2 * HoldMilliseconds);
        }
    }

    /// <summary>A picture of the screen.</summary>
    public Screen CaptureScreen()
    {
        string file = Path.Combine(_folder, "screen.ppm");
        Monitor.Execute("screendump", new JsonObject { ["filename"] = file });
        return Screen.Parse(File.ReadAllBytes(file));
    }

    /// <summary>Waits until the screen looks as it should, and returns the picture.</summary>
    /// <param name="condition">How it should look.</param>
    /// <param name="description">The same in words, for a failure's message.</param>
    public Screen WaitForScreen(Func<Screen, bool> condition, string description)
    {
        return Poll(CaptureScreen, condition, $"The screen does not show {description}.");
    }

    /// <summary>Waits until the VGA text buffer shows a text, and returns all that it shows.</summary>
    public string WaitForTextScreen(string text)
    {
        return Poll(
            ReadTextScreen,
            screen => screen.Contains(text, StringComparison.Ordinal),
            $"The text screen does not show '{text}'.");
    }

    /// <summary>The 80 by 25 characters of the VGA text buffer, a line each.</summary>
    public string ReadTextScreen()
    {
        const int Columns = 80;
        const int Rows = 25;
        byte[] cells = ReadPhysicalMemory(0xB8000, Columns * Rows * 2);
        StringBuilder text = new();
        for (int row = 0; row < Rows; row++)
        {
            StringBuilder line = new();
            for (int column = 0; column < Columns; column++)
            {
                byte character = cells[((row * Columns) + column) * 2];
                line.Append(character is >= 0x20 and < 0x7F ? (char)character : ' ');
            }

            text.Append(line.ToString().TrimEnd()).Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Physical memory of the guest.</summary>
    public byte[] ReadPhysicalMemory(ulong address, int length)
    {
        string file = Path.Combine(_folder, "memory");
        Monitor.Execute("pmemsave", new JsonObject
        {
            ["val"] = address,
            ["size"] = length,
            ["filename"] = file,
        });
        return File.ReadAllBytes(file);
    }

    /// <summary>Fails the test, with the end of the serial log and what QEMU said, and ends the guest.</summary>
    public void Fail(string reason)
    {
        Kill();
        throw new AssertionException(
            $"{reason}\n--- {_commandLine}\n{QemuMessages()}--- end of the serial log\n{Serial.Tail()}");
    }

    /// <summary>Ends QEMU at once, by <c>kill -9</c>, and takes in what it had written to the serial line.</summary>
    public void Kill()
    {
        _line.TrySetResult(null);
        _mayRead.Set();
        if (IsRunning)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(Deadlines.Monitor);
        }

        _reader.Join(Deadlines.Monitor);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        Kill();
        _monitor?.Dispose();
        _mayRead.Dispose();
        Serial.Dispose();
        _process.Dispose();
    }

    private Match WaitFor(string pattern, TimeSpan timeout, bool wholeLines)
    {
        Match? match = Serial.WaitFor(pattern, timeout, wholeLines);
        if (match is null)
        {
            Fail(Serial.IsComplete
                ? $"QEMU ended with status {WaitForExit()} before '{pattern}' came."
                : $"No '{pattern}' within {timeout.TotalSeconds} s.");
        }

        return match!;
    }

    private T Poll<T>(Func<T> look, Func<T, bool> condition, string failure)
    {
        long deadline = Environment.TickCount64 + (long)Deadlines.Command.TotalMilliseconds;
        while (true)
        {
            T seen = look();
            if (condition(seen))
            {
                return seen;
            }

            if (Environment.TickCount64 > deadline)
            {
                Fail($"{failure} It shows:\n{seen}");
            }

            Thread.Sleep(20);
        }
    }

    private void OpenLine()
    {
        switch (_options.Serial)
        {
            case SerialBackend.Socket:
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                socket.Connect(new UnixDomainSocketEndPoint(QemuCommandLine.SerialSocket(_folder)));
                _line.SetResult(new NetworkStream(socket, ownsSocket: true));
                break;
            case SerialBackend.Terminal:
                JsonNode? serial = Monitor.Execute("query-chardev")!.AsArray().FirstOrDefault(
                    device => device!["label"]!.GetValue<string>() == "serial");
                string name = serial!["filename"]!.GetValue<string>()["pty:".Length..];
                _line.SetResult(new FileStream(name, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0));

                // QEMU looks once a second whether somebody has opened it, and throws output away until then.
                Thread.Sleep(TimeSpan.FromSeconds(1.5));
                break;
            default:
                _line.SetResult(_process.StandardOutput.BaseStream);
                break;
        }
    }

    private void Read()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (_line.Task.Result is { } stream && stream.Read(buffer) is > 0 and int count)
            {
                Serial.Append(buffer.AsSpan(0, count));
                _mayRead.Wait();
            }
        }
        catch (IOException)
        {
            // The pipe went with QEMU.
        }

        Serial.Complete();
    }

    private void FailToStart()
    {
        const int NotFound = 127;
        Kill();
        Fail(_process.ExitCode == NotFound
            ? "qemu-system-x86_64 is missing. Install it with: apt-get install qemu-system-x86"
            : "QEMU did not start.");
    }

    private string QemuMessages()
    {
        if (!_errors.Wait(Deadlines.Monitor))
        {
            return string.Empty;
        }

        // Without the remark that it waits for us.
        string messages = string.Join(
            '\n', _errors.Result.Split('\n').Where(line => !line.Contains(": info: ", StringComparison.Ordinal)));
        return messages.Length > 0 ? $"--- QEMU said\n{messages.TrimEnd()}\n" : string.Empty;
    }
}
