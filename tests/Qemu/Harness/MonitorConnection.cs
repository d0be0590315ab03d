using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A connection to QEMU's machine protocol (QMP).</summary>
public sealed class MonitorConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly NetworkStream _stream;
    private readonly Thread _reader;
    private readonly BlockingCollection<JsonObject> _answers = [];
    private readonly object _gate = new();
    private readonly List<JsonObject> _events = [];
    private bool _isComplete;

    private MonitorConnection(Socket socket)
    {
        _socket = socket;
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new Thread(Read) { IsBackground = true, Name = "monitor" };
        _reader.Start();
    }

    /// <summary>Waits for QEMU to close the connection, which it does when it ends.</summary>
    public bool WaitUntilClosed(TimeSpan timeout)
    {
        return _reader.Join(timeout);
    }

    /// <summary>Connects, and asks again while the socket is not there yet.</summary>
    /// <param name="path">The socket.</param>
    /// <param name="isAlive">Whether waiting still makes sense.</param>
    /// <returns>The connection, ready for commands; null when QEMU ended or did not answer in time.</returns>
    public static MonitorConnection? Open(string path, Func<bool> isAlive)
    {
        long deadline = Environment.TickCount64 + (long)Deadlines.Monitor.TotalMilliseconds;
        while (isAlive() && Environment.TickCount64 < deadline)
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Connect(new UnixDomainSocketEndPoint(path));
            }
            catch (SocketException)
            {
                socket.Dispose();
                Thread.Sleep(5);
                continue;
            }

            MonitorConnection connection = new(socket);
            try
            {
                connection.Execute("qmp_capabilities");
                return connection;
            }
            catch (IOException)
            {
                connection.Dispose();
                return null;
            }
        }

        return null;
    }

    /// <summary>Runs a command and returns what it returned.</summary>
    /// <exception cref="IOException">QEMU refused the command, or did not answer.</exception>
    public JsonNode? Execute(string command, JsonObject? arguments = null)
    {
        JsonObject request = new() { ["execute"] = command };
        if (arguments is not null)
        {
            request["arguments"] = arguments;
        }

        _stream.Write(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
        if (!_answers.TryTake(out JsonObject? answer, Deadlines.Monitor))
        {
            throw new IOException($"QEMU did not answer {request.ToJsonString()}.");
        }

        return answer["error"] is { } error
            ? throw new IOException($"{request.ToJsonString()}: {error.ToJsonString()}")
            : answer["return"];
    }

    /// <summary>Runs a command of the human monitor and returns its text.</summary>
    public string ExecuteText(string command)
    {
        JsonObject arguments = new() { ["command-line"] = command };
        return Execute("human-monitor-command", arguments)?.GetValue<string>() ?? string.Empty;
    }

    /// <summary>The events of a kind so far, as their data.</summary>
    public IReadOnlyList<JsonObject> Events(string name)
    {
        lock (_gate)
        {
            return [.. _events.Where(entry => Name(entry) == name).Select(entry => Data(entry))];
        }
    }

    /// <summary>The first event of a kind as its data, or null when none comes in time.</summary>
    public JsonObject? WaitForEvent(string name, TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            while (true)
            {
                if (_events.Find(entry => Name(entry) == name) is { } found)
                {
                    return Data(found);
                }

                long left = deadline - Environment.TickCount64;
                if (_isComplete || left <= 0)
                {
                    return null;
                }

                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Wakes the reader, which a mere Dispose of the socket need not do.
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
        }

        _reader.Join(Deadlines.Monitor);
        _stream.Dispose();
        _answers.Dispose();
    }

    private static string? Name(JsonObject entry)
    {
        return entry["event"]?.GetValue<string>();
    }

    private static JsonObject Data(JsonObject entry)
    {
        return entry["data"] as JsonObject ?? [];
    }

    private void Read()
    {
        try
        {
            using StreamReader reader = new(_stream, Encoding.UTF8, leaveOpen: true);
            while (reader.ReadLine() is { } line)
            {
                if (JsonNode.Parse(line) is JsonObject message)
                {
                    Take(message);
                }
            }
        }
        catch (Exception reason) when (reason is IOException or JsonException or ObjectDisposedException)
        {
            // QEMU has gone; whoever waits for it hears of that from the process.
        }
        finally
        {
            lock (_gate)
            {
                _isComplete = true;
                Monitor.PulseAll(_gate);
            }

            _answers.CompleteAdding();
        }
    }

    private void Take(JsonObject message)
    {
        if (message.ContainsKey("event"))
        {
            lock (_gate)
            {
                _events.Add(message);
                Monitor.PulseAll(_gate);
            }
        }
        else if (message.ContainsKey("return") || message.ContainsKey("error"))
        {
            _answers.Add(message);
        }
    }
}
