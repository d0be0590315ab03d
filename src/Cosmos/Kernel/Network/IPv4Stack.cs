namespace VirtioGuest.Cosmos.Kernel.Network;

/// <summary>IPv4 over one card, as the kit below has it.</summary>
/// <remarks>Addresses are numbers whose highest byte is the one written first; 0 stands for none.</remarks>
internal abstract class IPv4Stack
{
    /// <summary>The addresses in use; null where the card has none.</summary>
    public abstract IPv4Settings? Settings { get; }

    /// <summary>Asks a DHCP server for an address, and uses it.</summary>
    /// <returns>Null, or why there is none. Where one came is told by <see cref="Settings"/>.</returns>
    public abstract string? RunDhcp();

    /// <summary>Keeps the ICMP messages that come from a host from now on.</summary>
    public abstract void Listen(uint from);

    /// <summary>Takes the oldest message that was kept.</summary>
    /// <returns>The whole frame, or null where there is none.</returns>
    public abstract byte[]? Take();

    /// <summary>Keeps no further messages, and drops those that are there.</summary>
    public abstract void StopListening();

    /// <summary>Sends an ICMP message; the address of the next hop is asked for first where it is not known.</summary>
    public abstract void Send(uint source, uint destination, byte[] message);
}
