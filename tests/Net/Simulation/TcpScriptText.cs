using System;
using System.Globalization;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>Conversations as text, a step a line, in the manner of packetdrill.</summary>
/// <remarks>
/// <code>
/// # a comment
/// listen                 a new stack with a listener; "connect" has it open a connection instead
/// open mss 1460          the same with a connection that is open already; the neighbour's options follow
/// &lt; S 0:0 mss 1460       the neighbour sends a segment
/// &gt; S. 0:0 ack 1         the stack must have sent this next
/// quiet                  it must have sent nothing more
/// +200                   so many milliseconds pass
/// accept, write N, read N, shut, close, abort, keepalive SECONDS     what the program does
/// state NAME             what the connection's state must be
/// error NAME             why it must have ended
/// connections N          how many the stack must have
/// </code>
/// Segments are written as <see cref="TcpScript"/> has them.
/// </remarks>
internal sealed class TcpScriptText
{
    private TcpScript _script = new();

    /// <summary>Runs the steps of a file.</summary>
    public static void Run(string path)
    {
        var text = new TcpScriptText();
        string[] lines = File.ReadAllLines(path);
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Split('#')[0].Trim();
            if (line.Length == 0)
            {
                continue;
            }

            try
            {
                text.Step(line);
            }
            catch (AssertionException e)
            {
                throw new AssertionException($"{Path.GetFileName(path)}, line {i + 1}: {line}\n{e.Message}", e);
            }
        }
    }

    private void Step(string line)
    {
        int end = line.IndexOf(' ', StringComparison.Ordinal);
        string verb = end < 0 ? line : line[..end];
        string rest = end < 0 ? "" : line[(end + 1)..].Trim();
        switch (verb)
        {
            case "listen":
                _script = TcpScript.Listening();
                break;

            case "connect":
                _script = TcpScript.Connecting();
                break;

            case "open":
                _script = TcpScript.Open(rest);
                break;

            case "<":
                _script.In(rest);
                break;

            case ">":
                _script.Out(rest);
                break;

            case "quiet":
                _script.Quiet();
                break;

            case "accept":
                _script.Accept();
                break;

            case "write":
                _script.Write(Count(rest));
                break;

            case "read":
                _script.Read(Count(rest));
                break;

            case "shut":
                Assert.That(_script.Socket.ShutdownSend(), Is.EqualTo(TcpStatus.Ok));
                break;

            case "close":
                _script.Socket.Dispose();
                break;

            case "abort":
                _script.Socket.Abort();
                break;

            case "keepalive":
                var interval = TimeSpan.FromSeconds(Count(rest));
                _script.Socket.Settings = _script.Socket.Settings with
                {
                    KeepAlive = true,
                    KeepAliveTime = interval,
                    KeepAliveInterval = interval,
                    KeepAliveRetries = 2,
                };
                break;

            case "state":
                Assert.That(_script.Socket.State, Is.EqualTo(Enum.Parse<TcpState>(rest)));
                break;

            case "error":
                Assert.That(_script.Socket.Error, Is.EqualTo(Enum.Parse<TcpStatus>(rest)));
                break;

            case "connections":
                Assert.That(_script.Network.Stack.GetStatistics().TcpConnections, Is.EqualTo(Count(rest)));
                break;

            default:
                Assert.That(verb, Does.StartWith("+"), "a step that there is not");
                _script.Wait(Count(verb[1..]));
                break;
        }
    }

    private static int Count(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
