using System.Collections.Generic;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>The functions on one bus.</summary>
public sealed class SimulatedBus
{
    private readonly SortedDictionary<int, SimulatedFunction> _functions = new();

    public IEnumerable<SimulatedFunction> Functions => _functions.Values;

    public T Add<T>(int device, int function, T added)
        where T : SimulatedFunction
    {
        _functions.Add((device << 3) | function, added);
        return added;
    }

    public SimulatedFunction? At(int deviceAndFunction) => _functions.GetValueOrDefault(deviceAndFunction);

    /// <summary>Who answers an address, here or behind a bridge that forwards it.</summary>
    public List<(SimulatedFunction Function, int Index, ulong Offset)> Decode(bool io, ulong address)
    {
        var answers = new List<(SimulatedFunction, int, ulong)>();
        foreach (SimulatedFunction function in Functions)
        {
            int index = function.Decode(io, address, out ulong offset);
            if (index >= 0)
            {
                answers.Add((function, index, offset));
            }

            if (function is SimulatedBridge bridge && bridge.Forwards(io, address))
            {
                answers.AddRange(bridge.Behind.Decode(io, address));
            }
        }

        return answers;
    }
}
