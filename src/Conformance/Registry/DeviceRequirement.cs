using System;

namespace VirtioGuest.Conformance.Registry;

/// <summary>What a test of a device asks for, where it is reported together with the requirements of drivers.</summary>
public static class DeviceRequirement
{
    /// <summary>Makes one of what a test says of itself.</summary>
    /// <param name="id">Its name: <c>ring.length</c>; the area is what stands before the dot.</param>
    /// <param name="level">Its level as <c>conform --list</c> has it: <c>MUST</c>, <c>SHOULD</c>, or another.</param>
    /// <param name="clause">Where virtio 1.4 says so.</param>
    /// <param name="text">What the device does when it passes.</param>
    public static Requirement Of(string id, string level, string clause, string text)
    {
        ArgumentNullException.ThrowIfNull(id);
        int dot = id.IndexOf('.', StringComparison.Ordinal);
        Level strength = level switch
        {
            "MUST" => Level.Must,
            "SHOULD" => Level.Should,
            _ => Level.Format,
        };
        return new Requirement(
            id,
            Side.Device,
            dot < 0 ? id : id[..dot],
            new RequirementBlock(clause, string.Empty, string.Empty, 0, 0, 0),
            strength,
            1,
            Severity.Failure,
            Check.Tested,
            string.Empty,
            text);
    }
}
