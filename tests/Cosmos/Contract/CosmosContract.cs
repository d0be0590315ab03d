using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Mono.Cecil;

namespace VirtioGuest.Cosmos.Tests.Contract;

/// <summary>
/// Members of assemblies as lines of text, so that those of the contract and of Cosmos can be compared.
/// </summary>
internal static class CosmosContract
{
    /// <summary>The assemblies of the contract, by the names that Cosmos has for them.</summary>
    public static readonly string[] Assemblies =
        ["Cosmos.Core", "Cosmos.HAL2", "Cosmos.System2", "IL2CPU.API", "XSharp"];

    /// <summary>Where the build has put the assemblies to read.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "read");

    public static AssemblyDefinition Read(string folder, string assembly)
    {
        var resolver = new DefaultAssemblyResolver();
        resolver.AddSearchDirectory(folder);
        resolver.AddSearchDirectory(Path.GetDirectoryName(typeof(object).Assembly.Location));
        return AssemblyDefinition.ReadAssembly(
            Path.Combine(folder, assembly + ".dll"), new ReaderParameters { AssemblyResolver = resolver });
    }

    /// <summary>What somebody who compiles against an assembly can use of it.</summary>
    public static IEnumerable<string> Members(AssemblyDefinition assembly) =>
        assembly.MainModule.GetTypes().Where(IsVisible).SelectMany(type => Members(assembly.Name.Name, type));

    /// <summary>What an assembly refers to of the others.</summary>
    public static IEnumerable<string> Uses(AssemblyDefinition assembly)
    {
        ModuleDefinition module = assembly.MainModule;
        foreach (TypeReference type in module.GetTypeReferences())
        {
            yield return type.FullName;
        }

        foreach (MemberReference member in module.GetMemberReferences())
        {
            yield return member is MethodReference method ? Signature(method) : member.FullName;
        }
    }

    /// <summary>The methods of other assemblies' classes that those of an assembly override.</summary>
    public static IEnumerable<string> Overrides(AssemblyDefinition assembly) =>
        from type in assembly.MainModule.GetTypes()
        from method in type.Methods
        where method.IsVirtual && !method.IsNewSlot
        from parent in Parents(type)
        from overridden in parent.Methods
        where overridden.IsVirtual && overridden.Name == method.Name
            && overridden.Parameters.Select(each => each.ParameterType.FullName)
                .SequenceEqual(method.Parameters.Select(each => each.ParameterType.FullName))
        select Signature(overridden);

    /// <summary>The classes that a type derives from, the nearest first.</summary>
    public static IEnumerable<TypeDefinition> Parents(TypeDefinition type)
    {
        for (TypeReference? parent = type.BaseType; parent is not null;)
        {
            TypeDefinition definition = parent.Resolve();
            yield return definition;
            parent = definition.BaseType;
        }
    }

    /// <summary>A method by its name and the types that it takes and gives.</summary>
    public static string Signature(MethodReference method) =>
        $"{method.ReturnType.FullName} {method.DeclaringType.FullName}::{method.Name}"
        + $"({string.Join(",", method.Parameters.Select(each => each.ParameterType.FullName))})";

    private static bool IsVisible(TypeDefinition type) =>
        (type.IsPublic || type.IsNestedPublic || type.IsNestedFamily) && (type.DeclaringType is null
            || IsVisible(type.DeclaringType));

    private static IEnumerable<string> Members(string assembly, TypeDefinition type)
    {
        string kind = type.IsEnum ? "enum" : type.IsValueType ? "struct" : IsDelegate(type) ? "delegate" : "class";
        string shape = kind != "class" ? string.Empty
            : type.IsAbstract && type.IsSealed ? "static "
            : type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : string.Empty;
        string parent = kind == "class" && type.BaseType is { FullName: not "System.Object" }
            ? $" : {type.BaseType.FullName}"
            : kind == "enum" ? $" : {type.Fields.Single(field => !field.IsStatic).FieldType.FullName}" : string.Empty;
        yield return $"{assembly}: {shape}{kind} {type.FullName}{parent}";

        foreach (FieldDefinition field in type.Fields.Where(field => field.IsPublic || field.IsFamily))
        {
            if (!field.IsSpecialName)
            {
                string value = field.HasConstant ? $" = {field.Constant}" : string.Empty;
                yield return $"{assembly}: {Words(field)}{field.FullName}{value}";
            }
        }

        foreach (MethodDefinition method in type.Methods.Where(method => method.IsPublic || method.IsFamily))
        {
            if (kind != "delegate" || method.Name == "Invoke")
            {
                yield return $"{assembly}: {Words(method)}{Signature(method)}";
            }
        }
    }

    private static bool IsDelegate(TypeDefinition type) => type.BaseType?.FullName == "System.MulticastDelegate";

    private static string Words(FieldDefinition field) =>
        (field.IsFamily ? "protected " : string.Empty) + (field.IsStatic ? "static " : string.Empty);

    private static string Words(MethodDefinition method) =>
        (method.IsFamily ? "protected " : string.Empty)
        + (method.IsStatic ? "static " : string.Empty)
        + (method.IsAbstract ? "abstract " : method.IsVirtual && !method.IsNewSlot ? "override " : string.Empty);
}
