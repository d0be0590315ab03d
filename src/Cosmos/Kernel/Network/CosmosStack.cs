using System;
using System.Collections.Generic;
using Cosmos.HAL;
using Cosmos.System.Network;
using Cosmos.System.Network.Config;
using Cosmos.System.Network.IPv4;
using Cosmos.System.Network.IPv4.UDP.DHCP;
using VirtioGuest.Commands.Network;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>IPv4 over one card.</summary>
/// <remarks>The highest byte of an address is the one that is written first; 0 means none.</remarks>
internal abstract class IPv4Stack
{
    /// <summary>Why there is no address where nobody offers one.</summary>
    internal static readonly Failure NoOffer = new Failure("no DHCP server offered an address", isSentence: true);

    /// <summary>Null where the card has no address.</summary>
    public abstract IPv4Settings? Settings { get; }

    /// <summary>Asks a DHCP server for an address; <see cref="Settings"/> has it afterwards.</summary>
    /// <returns>Null, or why that failed.</returns>
    public abstract Failure? RunDhcp();

    /// <summary>Starts to queue ICMP messages from a host.</summary>
    public abstract void Listen(uint from);

    /// <summary>Takes the oldest message in the queue.</summary>
    /// <returns>The whole frame, or null where the queue is empty.</returns>
    public abstract byte[]? Take();

    /// <summary>Drops the queue.</summary>
    public abstract void StopListening();

    /// <summary>Sends an ICMP message, after ARP where the next hop is not known.</summary>
    public abstract void Send(uint source, uint destination, byte[] message);
}

/// <summary>The IPv4 configuration of an interface; addresses are those of <see cref="IPv4Stack"/>.</summary>
internal sealed class IPv4Settings
{
    private const int AddressBits = 32;

    internal IPv4Settings(uint address, uint mask, uint gateway, uint nameServer)
    {
        Address = address;
        Mask = mask;
        Gateway = gateway;
        NameServer = nameServer;
    }

    internal uint Address { get; }

    internal uint Mask { get; }

    internal uint Gateway { get; }

    internal uint NameServer { get; }

    /// <summary>For example <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3</c>, without what is not set.</summary>
    public override string ToString()
    {
        string text = IPv4Text.Format(Address) + "/" + DecimalText.Of(PrefixLength(Mask));
        if (Gateway != 0)
        {
            text += ", gateway " + IPv4Text.Format(Gateway);
        }

        return NameServer == 0 ? text : text + ", dns " + IPv4Text.Format(NameServer);
    }

    /// <summary>How many bits are set before the first zero.</summary>
    private static uint PrefixLength(uint mask)
    {
        uint length = 0;
        while (length < AddressBits && (mask & (0x8000_0000u >> (int)length)) != 0)
        {
            length++;
        }

        return length;
    }
}

/// <summary>Cosmos' own IPv4 over one card.</summary>
/// <remarks>
/// Cosmos has one DHCP client for all cards. It removes all addresses, asks on every card at once, which fails with
/// more than one card, and gives the answer to the first. So the other cards are taken off Cosmos' list while it asks,
/// and have no address afterwards. The client also fails where a name server is known already, so they are cleared.
/// </remarks>
internal sealed class CosmosStack : IPv4Stack
{
    private readonly NetworkDevice _device;
    private EchoClient? _echo;

    internal CosmosStack(NetworkDevice device)
    {
        _device = device;
    }

    public override IPv4Settings? Settings
    {
        get
        {
            IPConfig? config = NetworkConfiguration.Get(_device);
            uint address = config is null ? 0 : Number(config.IPAddress);
            return address == 0
                ? null
                : new IPv4Settings(address, Number(config!.SubnetMask), Number(config.DefaultGateway), NameServer());
        }
    }

    public override Failure? RunDhcp()
    {
        List<NetworkDevice> devices = NetworkDevice.Devices;
        NetworkDevice[] all = devices.ToArray();
        devices.Clear();
        devices.Add(_device);
        DNSConfig.DNSNameservers.Clear();
        Failure? failure = RunClient();
        devices.Clear();
        for (int i = 0; i < all.Length; i++)
        {
            devices.Add(all[i]);
        }

        return failure;
    }

    public override void Listen(uint from)
    {
        _echo = new EchoClient();
        _echo.Connect(new Address(from));
    }

    public override byte[]? Take() => _echo is null ? null : _echo.Take();

    public override void StopListening()
    {
        if (_echo is not null)
        {
            _echo.Close();
            _echo = null;
        }
    }

    public override void Send(uint source, uint destination, byte[] message)
    {
        OutgoingBuffer.AddPacket(new EchoPacket(new Address(source), new Address(destination), message), _device);
        NetworkStack.Update();
    }

    // Always closed: a client that is left open keeps the port, and the next one fails.
    private static Failure? RunClient()
    {
        Failure? failure = null;
        var client = new DHCPClient();
        try
        {
            if (client.SendDiscoverPacket() < 0)
            {
                failure = NoOffer;
            }
        }
        catch (Exception exception)
        {
            failure = new Failure(ExceptionText.Of(exception), isSentence: true);
        }

        client.Close();
        return failure;
    }

    // The one that came with the address: Cosmos has one list for all cards.
    private static uint NameServer()
    {
        List<Address> servers = DNSConfig.DNSNameservers;
        return servers.Count == 0 ? 0 : Number(servers[0]);
    }

    // Cosmos has null for what the server did not send.
    private static uint Number(Address? address) => address is null ? 0 : address.ToUInt32();
}

/// <summary>An ICMP message in a packet of Cosmos' stack.</summary>
internal sealed class EchoPacket : IPPacket
{
    private const byte Icmp = 1;

    /// <summary>An Ethernet header, and an IPv4 header without options.</summary>
    private const int HeadersLength = 34;

    internal EchoPacket(Address source, Address destination, byte[] message)
        : base((ushort)message.Length, Icmp, source, destination, 0) =>
        new ReadOnlySpan<byte>(message).CopyTo(new Span<byte>(RawData).Slice(HeadersLength));
}

/// <summary>The ICMP client of Cosmos' stack, without its wait and its fixed payload.</summary>
internal sealed class EchoClient : ICMPClient
{
    internal byte[]? Take() => rxBuffer.Count == 0 ? null : rxBuffer.Dequeue().RawData;
}
