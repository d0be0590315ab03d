using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No structure with two <c>fixed</c> buffers: IL2CPU lays it out differently.</summary>
public sealed class TwoFixedBuffers : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "give each buffer a structure of its own, or compute offsets from one pointer";

    /// <inheritdoc/>
    public override IEnumerable<Finding> Check(TypeDefinition type)
    {
        int buffers = type.Fields.Count(field => field.Has("System.Runtime.CompilerServices.FixedBufferAttribute"));
        if (buffers > 1)
        {
            yield return At(type, $"has {buffers} fixed buffers");
        }
    }
}
