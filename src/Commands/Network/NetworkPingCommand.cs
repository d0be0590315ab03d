using VirtioGuest.Commands.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Network;

/// <summary><c>net N ping ADDRESS COUNT</c>: whether somebody answers.</summary>
public sealed class NetworkPingCommand : NetworkCommand
{
    private const int PayloadLength = 56;
    private const uint TimeoutMilliseconds = 1000;
    private const uint PauseMilliseconds = 10;
    private const ulong NanosecondsPerMicrosecond = 1000;
    private const ulong MicrosecondsPerMillisecond = 1000;

    /// <summary>Creates the command.</summary>
    public NetworkPingCommand()
        : base("net N ping ADDRESS COUNT", "ask an IPv4 address for COUNT replies, 1 to 65535")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkInterface network, string[] arguments)
    {
        if (arguments.Length != 2
            || !IPv4Text.TryParse(arguments[0], out uint address)
            || !Number.TryParse(arguments[1], out ulong count)
            || count is 0 or > ushort.MaxValue)
        {
            return CommandResult.WrongArguments;
        }

        var payload = new byte[PayloadLength];
        for (int index = 0; index < payload.Length; index++)
        {
            payload[index] = (byte)index;
        }

        uint received = 0;
        for (uint sequence = 1; sequence <= count; sequence++)
        {
            if (shell.IsInterrupted)
            {
                return CommandResult.Interrupted;
            }

            PingOutcome outcome = network.Ping(address, (ushort)sequence, TimeoutMilliseconds, payload);
            shell.Output.WriteLine(Describe(outcome, sequence));
            if (outcome.Kind == PingOutcomeKind.CannotSend)
            {
                return Failure(network, outcome.Reason);
            }

            if (outcome.Kind == PingOutcomeKind.Replied)
            {
                received++;
                if (sequence < count)
                {
                    shell.System.Pause(PauseMilliseconds);
                }
            }
        }

        shell.Output.WriteLine(DecimalText.Of(count) + " sent, " + DecimalText.Of(received) + " received");
        return received == count
            ? CommandResult.Success
            : Failure(
                network,
                DecimalText.Of(count - received) + " of " + DecimalText.Of(count) + " pings were not answered");
    }

    private static string Describe(PingOutcome outcome, uint sequence)
    {
        string number = "seq " + DecimalText.Of(sequence);
        return outcome.Kind switch
        {
            PingOutcomeKind.Replied => "reply from " + IPv4Text.Format(outcome.From) + ": " + number + ", "
                + Milliseconds(outcome.RoundTripNanoseconds) + " ms",
            PingOutcomeKind.TimedOut => "no reply: " + number,
            _ => "no reply: " + number + ": " + outcome.Reason,
        };
    }

    // With three decimals, the last one rounded.
    private static string Milliseconds(ulong nanoseconds)
    {
        ulong microseconds = (nanoseconds + (NanosecondsPerMicrosecond / 2)) / NanosecondsPerMicrosecond;
        return DecimalText.Of(microseconds / MicrosecondsPerMillisecond) + "."
            + Column.ZeroFilled(microseconds % MicrosecondsPerMillisecond, 3);
    }
}
