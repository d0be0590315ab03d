using System;
using VirtioGuest.Commands.Network;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>A virtio network card with Cosmos' IPv4 over it, as commands see them.</summary>
internal sealed class ShellNetwork : NetworkInterface
{
    private const ulong NanosecondsPerMillisecond = 1_000_000;
    private const int IPv4HeaderLength = 20;

    private readonly CardAccess _card;
    private readonly IPv4Stack _stack;
    private readonly MonotonicClock _clock;

    internal ShellNetwork(CardAccess card, IPv4Stack stack, MonotonicClock clock)
        : base(card.Device.Name)
    {
        _card = card;
        _stack = stack;
        _clock = clock;
    }

    public override string HardwareAddress => MacText.Of(_card.ReadMacAddress());

    public override bool IsUp => _card.IsReady && _card.Device.IsLinkUp;

    public override int Mtu => _card.Device.Mtu;

    public override string? Configuration
    {
        get
        {
            IPv4Settings? settings = _stack.Settings;
            return settings is null ? null : settings.ToString();
        }
    }

    public override uint Gateway
    {
        get
        {
            IPv4Settings? settings = _stack.Settings;
            return settings is null ? 0 : settings.Gateway;
        }
    }

    public override NetworkTraffic GetTraffic()
    {
        Counter[] counters = _card.Device.Describe().Counters;
        Counter[] drops = _card.Dropped == 0
            ? Array.Empty<Counter>()
            : new[] { new Counter("nobody took the frame", _card.Dropped) };
        return new NetworkTraffic(
            Value(counters, "frames received"),
            Value(counters, "bytes received"),
            Value(counters, "frames sent"),
            Value(counters, "bytes sent"),
            drops);
    }

    public override Failure? Dhcp(out string lease)
    {
        lease = "";
        Failure? failure = CheckLink();
        if (failure is not null)
        {
            return failure;
        }

        failure = _stack.RunDhcp();
        string? configuration = failure is null ? Configuration : null;
        lease = configuration ?? "";
        return configuration is null ? WithCounters(failure ?? IPv4Stack.NoOffer) : null;
    }

    // Where the next hop does not answer ARP, Cosmos' stack may take longer than the timeout.
    public override PingResult Ping(uint address, ushort sequence, uint timeoutMilliseconds, byte[] payload)
    {
        IPv4Settings? settings = _stack.Settings;
        if (settings is null)
        {
            return PingResult.Unanswered(PingStatus.CannotSend, "no address configured");
        }

        Failure? failure = CheckLink();
        if (failure is not null)
        {
            return PingResult.Unanswered(PingStatus.NotSent, failure.Of("the device"));
        }

        if (IPv4HeaderLength + EchoMessage.HeaderLength + payload.Length > Mtu)
        {
            return PingResult.Unanswered(PingStatus.CannotSend, "the payload is larger than the link carries");
        }

        byte[] message = EchoMessage.MakeRequest(sequence, payload);
        ulong began = _clock.Nanoseconds;
        _stack.Listen(address);
        _stack.Send(settings.Address, address, message);
        PingResult result = Await(address, sequence, payload, began, timeoutMilliseconds);
        _stack.StopListening();
        return result;
    }

    private PingResult Await(uint address, ushort sequence, byte[] payload, ulong began, uint timeoutMilliseconds)
    {
        ulong timeout = timeoutMilliseconds * NanosecondsPerMillisecond;
        while (true)
        {
            byte[]? frame = _stack.Take();
            ulong elapsed = _clock.Nanoseconds - began;
            if (frame is not null && EchoMessage.IsReply(frame, sequence, payload))
            {
                return PingResult.Replied(address, elapsed);
            }

            if (frame is null && elapsed >= timeout)
            {
                return PingResult.Unanswered(PingStatus.TimedOut, "no reply");
            }

            _card.Poll();
            _clock.Relax();
        }
    }

    private Failure? CheckLink()
    {
        if (!_card.IsReady && !_card.Enable())
        {
            return new Failure("the device is not running", isSentence: true);
        }

        return _card.Device.IsLinkUp ? null : new Failure("the link is down", isSentence: true);
    }

    /// <summary>
    /// The card's counters tell whether nothing was sent, nothing came back, or nobody took what came back.
    /// </summary>
    private Failure WithCounters(Failure failure)
    {
        Counter[] counters = _card.Device.Describe().Counters;
        string text = failure.Of("the device") + " (";
        for (int i = 0; i < counters.Length; i++)
        {
            text += counters[i].Name + " " + DecimalText.Of(counters[i].Value) + ", ";
        }

        return new Failure(text + "frames nobody took " + DecimalText.Of(_card.Dropped) + ")", isSentence: true);
    }

    private static ulong Value(Counter[] counters, string name)
    {
        for (int i = 0; i < counters.Length; i++)
        {
            if (counters[i].Name == name)
            {
                return counters[i].Value;
            }
        }

        return 0;
    }
}
