using System.Collections.Generic;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>A host bridge with its root buses: leads configuration, memory and port accesses to functions.</summary>
public sealed class SimulatedHost
{
    private readonly SortedDictionary<byte, SimulatedBus> _roots = new SortedDictionary<byte, SimulatedBus>();

    public SimulatedHost()
    {
        Root = AddRoot(0);
    }

    public SimulatedBus Root { get; }

    /// <summary>What is read where nobody answers.</summary>
    public uint Absent { get; set; } = 0xFFFFFFFF;

    public SimulatedBus AddRoot(byte number)
    {
        SimulatedBus bus = new SimulatedBus();
        _roots.Add(number, bus);
        return bus;
    }

    public SimulatedFunction? Route(byte bus, int deviceAndFunction)
    {
        if (_roots.TryGetValue(bus, out SimulatedBus? root))
        {
            return root.At(deviceAndFunction);
        }

        foreach (SimulatedBus start in _roots.Values)
        {
            SimulatedFunction? found = RouteBehind(start, bus, deviceAndFunction, 0);
            if (found != null)
            {
                return found;
            }
        }

        return null;
    }

    public List<(SimulatedFunction Function, int Index, ulong Offset)> Decode(bool io, ulong address)
    {
        var answers = new List<(SimulatedFunction, int, ulong)>();
        foreach (SimulatedBus root in _roots.Values)
        {
            answers.AddRange(root.Decode(io, address));
        }

        return answers;
    }

    private static SimulatedFunction? RouteBehind(SimulatedBus from, byte bus, int deviceAndFunction, int depth)
    {
        foreach (SimulatedFunction function in from.Functions)
        {
            if (depth < 256 && function is SimulatedBridge bridge && bridge.Secondary != 0 && bus >= bridge.Secondary
                && bus <= bridge.Subordinate)
            {
                return bus == bridge.Secondary
                    ? bridge.Behind.At(deviceAndFunction)
                    : RouteBehind(bridge.Behind, bus, deviceAndFunction, depth + 1);
            }
        }

        return null;
    }
}
