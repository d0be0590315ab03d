using Cosmos.Core;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// What Cosmos calls for a line: the delegate has a target of its own, so it need not look which line.
/// </summary>
internal sealed class CosmosLine
{
    private readonly LineService _service;

    /// <summary>Leads to a service.</summary>
    internal CosmosLine(LineService service)
    {
        _service = service;
    }

    /// <summary>The line was raised.</summary>
    internal void OnInterrupt(ref INTs.IRQContext context) => _service.OnLine();
}
