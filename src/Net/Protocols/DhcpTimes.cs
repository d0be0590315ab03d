using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>When a lease is to be renewed, rebound and given up (RFC 2131, 4.4.5).</summary>
internal readonly record struct DhcpTimes(TimeSpan Renewal, TimeSpan Rebinding, TimeSpan Expiry)
{
    /// <summary>The times of a lease without an end.</summary>
    public static DhcpTimes Never { get; } = new(TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue);

    /// <summary>Works out the times of a lease that was asked for at a given moment.</summary>
    public static DhcpTimes From(in DhcpMessage acknowledgement, uint leaseSeconds, TimeSpan asked)
    {
        if (leaseSeconds == uint.MaxValue)
        {
            return Never;
        }

        // What the server says counts only where it keeps the order of the times.
        double rebinding = acknowledgement.RebindingSeconds ?? leaseSeconds;
        double renewal = acknowledgement.RenewalSeconds ?? 0;
        if (rebinding >= leaseSeconds || renewal >= rebinding)
        {
            rebinding = leaseSeconds * 0.875;
        }

        if (renewal == 0 || renewal >= rebinding)
        {
            renewal = Math.Min(leaseSeconds * 0.5, rebinding);
        }

        return new DhcpTimes(
            asked + TimeSpan.FromSeconds(renewal),
            asked + TimeSpan.FromSeconds(rebinding),
            asked + TimeSpan.FromSeconds(leaseSeconds));
    }
}
