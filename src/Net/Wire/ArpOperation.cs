namespace VirtioGuest.Net.Wire;

/// <summary>What an ARP packet wants (RFC 826).</summary>
internal enum ArpOperation : ushort
{
    /// <summary>Asks who has the target address.</summary>
    Request = 1,

    /// <summary>Says who has the sender address.</summary>
    Reply = 2,
}
