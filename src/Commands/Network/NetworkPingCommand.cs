using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Network;

/// <summary><c>net N ping ADDRESS COUNT</c>: whether a host answers, and how fast.</summary>
public sealed class NetworkPingCommand : NetworkCommand
{
    private const int PayloadLength = 56;
    private const uint TimeoutMilliseconds = 1000;
    private const uint PauseMilliseconds = 10;
    private const ulong NanosecondsPerMicrosecond = 1000;
    private const ulong MicrosecondsPerMillisecond = 1000;

    public NetworkPingCommand()
        : base("net N ping ADDRESS COUNT", "ping an IPv4 address COUNT times, 1 to 65535")
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

        Failure? objection = Objection(address);
        if (objection is not null)
        {
            return Failure(network, objection.Of(arguments[0]));
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

            PingResult result = network.Ping(address, (ushort)sequence, TimeoutMilliseconds, payload);
            shell.Output.WriteLine(Describe(result, sequence));
            if (result.Failure is not null && result.Status is PingStatus.CannotSend or PingStatus.NotUnicast)
            {
                return Failure(network, result.Failure);
            }

            received += result.Status == PingStatus.Replied ? 1u : 0;
            uint pause = sequence < count ? PauseAfter(result.Status) : 0;
            if (pause != 0)
            {
                shell.System.Pause(pause);
            }
        }

        shell.Output.WriteLine(DecimalText.Of(count) + " sent, " + DecimalText.Of(received) + " received");
        return received == count
            ? CommandResult.Success
            : Failure(
                network,
                DecimalText.Of(count - received) + " of " + DecimalText.Of(count) + " pings were not answered");
    }

    // After a timeout there is no need for a pause; after a failure that was known at once there is.
    private static uint PauseAfter(PingStatus status) => status switch
    {
        PingStatus.TimedOut => 0,
        PingStatus.Replied => PauseMilliseconds,
        _ => TimeoutMilliseconds,
    };

    /// <summary>Why an address cannot be that of a host (RFC 1122, 3.2.1.3); null where it can.</summary>
    private static Failure? Objection(uint address)
    {
        if (address == uint.MaxValue)
        {
            return new Failure("is the broadcast address; only a single host can be pinged");
        }

        return (address >> 24) switch
        {
            0 => new Failure("is not the address of a host"),
            127 => new Failure("is a loopback address, which is never on a network"),
            >= 240 => new Failure("is a reserved address"),
            >= 224 => new Failure("is a multicast address; only a single host can be pinged"),
            _ => null,
        };
    }

    private static string Describe(PingResult result, uint sequence)
    {
        string number = "seq " + DecimalText.Of(sequence);
        if (result.Failure is null)
        {
            return "reply from " + IPv4Text.Format(result.From) + ": " + number + ", "
                + Milliseconds(result.RoundTripNanoseconds) + " ms";
        }

        return result.Status == PingStatus.TimedOut
            ? "no reply: " + number
            : "no reply: " + number + ": " + result.Failure.Of("the device");
    }

    // With three decimals, the last one rounded.
    private static string Milliseconds(ulong nanoseconds)
    {
        ulong microseconds = (nanoseconds + (NanosecondsPerMicrosecond / 2)) / NanosecondsPerMicrosecond;
        return DecimalText.Of(microseconds / MicrosecondsPerMillisecond) + "."
            + Column.ZeroFilled(microseconds % MicrosecondsPerMillisecond, 3);
    }
}
