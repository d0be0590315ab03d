using System;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What a driver does with its device, from its start to its end.</summary>
/// <param name="Device">The device, in words.</param>
/// <param name="Name">What happens, in words.</param>
/// <param name="Run">Does it; throws <see cref="SimulationFailedException"/> where it does not come out.</param>
internal sealed record DriverStory(string Device, string Name, Action<SimulatedMachine, SimulatedDma> Run)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Device}, {Name}";
}
