using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests;

/// <summary>The assemblies that the build has put beside the tests, to be read and never run.</summary>
public static class CompiledAssemblies
{
    private static readonly string s_folder = AppContext.BaseDirectory;
    private static readonly DefaultAssemblyResolver s_resolver = MakeResolver();
    private static readonly Dictionary<string, AssemblyDefinition> s_read = [];

    /// <summary>An assembly as Cosmos compiles it (net6.0).</summary>
    public static AssemblyDefinition Subset(string name) => Read(Path.Combine(s_folder, "subset", $"{name}.dll"));

    /// <summary>An assembly of the unikernel that Cosmos does not take (net10.0).</summary>
    public static AssemblyDefinition Kernel(string name) => Read(Path.Combine(s_folder, "kernel", $"{name}.dll"));

    /// <summary>The assembly of these tests, which holds the violations that prove the rules.</summary>
    public static AssemblyDefinition ThisOne() => Read(typeof(CompiledAssemblies).Assembly.Location);

    private static AssemblyDefinition Read(string path)
    {
        if (!s_read.TryGetValue(path, out AssemblyDefinition? assembly))
        {
            assembly = AssemblyDefinition.ReadAssembly(path, new ReaderParameters { AssemblyResolver = s_resolver });
            s_read.Add(path, assembly);
        }

        return assembly;
    }

    /// <summary>Types of .NET's own are looked up in the runtime that runs the tests, whatever the version.</summary>
    private static DefaultAssemblyResolver MakeResolver()
    {
        DefaultAssemblyResolver resolver = new();
        resolver.AddSearchDirectory(Path.Combine(s_folder, "subset"));
        resolver.AddSearchDirectory(s_folder);
        resolver.AddSearchDirectory(RuntimeEnvironment.GetRuntimeDirectory());
        return resolver;
    }
}
