using System.Collections.Generic;
using VirtioGuest.Commands.Network;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A network interface that answers as it is told to, and records what it was asked.</summary>
internal sealed class FakeNetwork : NetworkInterface
{
    private string? _configuration;

    public FakeNetwork()
        : base("net0")
    {
    }

    /// <summary>Why DHCP gives nothing; null where it gives <see cref="OfferedConfiguration"/>.</summary>
    public string? DhcpFailure { get; set; }

    public string OfferedConfiguration { get; set; } = "10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3";

    public bool IsDown { get; set; }

    public uint GatewayAddress { get; set; }

    public NetworkTraffic Traffic { get; set; } = new(0, 0, 0, 0, []);

    /// <summary>How pings end, in order; later ones are answered within 1.5 ms.</summary>
    public Queue<PingResult> Outcomes { get; } = new();

    /// <summary>The pings so far: address, sequence, timeout and length.</summary>
    public List<string> Pings { get; } = [];

    public byte[] LastPayload { get; private set; } = [];

    public override string HardwareAddress => "52:54:00:12:34:56";

    public override bool IsUp => !IsDown;

    public int LinkMtu { get; set; } = 1500;

    /// <summary>Whether DHCP sends no request.</summary>
    public bool SendsNothing { get; set; }

    public override int Mtu => LinkMtu;

    public override string? Configuration => _configuration;

    public override uint Gateway => GatewayAddress;

    public override NetworkTraffic GetTraffic() => Traffic;

    public override Failure? Dhcp(out string lease)
    {
        lease = DhcpFailure is null ? OfferedConfiguration + ", lease 86400 s" : "";
        if (!SendsNothing)
        {
            Traffic = new NetworkTraffic(0, 0, Traffic.FramesSent + 1, 0, []);
        }

        _configuration = DhcpFailure is null ? OfferedConfiguration : _configuration;
        return DhcpFailure is null ? null : new Failure(DhcpFailure, isSentence: true);
    }

    public override PingResult Ping(uint address, ushort sequence, uint timeoutMilliseconds, byte[] payload)
    {
        Pings.Add($"{IPv4Text.Format(address)} {sequence} {timeoutMilliseconds} {payload.Length}");
        LastPayload = payload;
        return Outcomes.TryDequeue(out PingResult? outcome) ? outcome : PingResult.Replied(address, 1_500_000);
    }
}
